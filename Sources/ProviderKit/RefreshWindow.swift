import EventLoop

/// When logins that end by time are made anew, and how soon again where that fails: the times that AWS's SDKs have agreed on
/// (https://github.com/boto/botocore/pull/3760, https://github.com/boto/botocore/pull/3733), which fit other clouds' tokens as well.
public enum RefreshWindow {
  /// Within this span before the end, callers wait for the new login.
  static let mandatory: Duration = .seconds(60)

  /// How long before its end a login is made anew, by what is left of its life when it is given: five minutes of up to twenty, fifteen
  /// of up to ninety, else an hour. What is short of life from the start is used for half of it.
  public static func lead(of life: Duration) -> Duration {
    if life <= .seconds(20 * 60) {
      return min(.seconds(5 * 60), life / 2)
    }
    return life <= .seconds(90 * 60) ? .seconds(15 * 60) : .seconds(60 * 60)
  }

  /// `due` or a little before it, so that logins made at the same time are not renewed at the same time: earlier by up to a fifth of
  /// the span that is left then, or of the one until then, whichever is shorter.
  ///
  /// - Parameter random: from 0 up to 1.
  static func jittered(_ due: Moment, of end: Moment?, at now: Moment, _ random: Double) -> Moment {
    guard let end, due > now, end > due else {
      return due
    }
    return due.advanced(by: min(due.duration(to: end), now.duration(to: due)) * (random / -5))
  }

  /// How long what is held serves after a renewal that failed, before the next one is tried: five to ten minutes.
  ///
  /// - Parameters:
  ///   - left: until the login ends, where it is of no use beyond that: then there are further attempts before.
  ///   - asked: how long the service asked to wait.
  static func pause(left: Duration?, asked: Duration?, _ random: Double) -> Duration {
    let usual = max(.seconds(300) + .seconds(300) * random, asked ?? .zero)
    return left.map { min(usual, max($0 / 3, .seconds(1))) } ?? usual
  }
}

extension ProviderFailure {
  /// Whether what a login failed with may pass without anybody's doing: the service is away or asks to come back later, something else
  /// answers in its place, or what serves the machine's own identity has none at present. Then the login that is held serves on. A
  /// refusal by the service, a faulty file or setting, and the policy are told instead, since only a person can mend them.
  var mayHeal: Bool {
    switch kind {
    case .transient, .throttled, .malformed: true
    case .denied: source == .node && status != nil
    case .missing, .policy: false
    }
  }
}
