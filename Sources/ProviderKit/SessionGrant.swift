import EventLoop

extension Session {
  /// What a login or a renewal gives.
  public struct Grant: Sendable {
    public let credential: Credential
    /// When it ends, by what was said of it; `nil`: never by time.
    public let until: Moment?
    /// From when on it should be renewed, while it goes on being good; `nil`: it is used to its end.
    public let renewAt: Moment?
    /// Whether the session lengthens it when it is due, by a timer, so that it outlives times in which nobody asks for it. Else the
    /// first caller that finds it due has it made anew.
    public let isLengthened: Bool

    public init(credential: Credential, until: Moment?, renewAt: Moment? = nil, isLengthened: Bool = false) {
      self.credential = credential
      self.until = until
      self.renewAt = renewAt
      self.isLengthened = isLengthened
    }
  }

  /// A grant with its place in the row of logins.
  public struct Login: Sendable {
    public let grant: Grant
    /// Counts logins: a caller that was refused names it, so that one refusal seen by many makes one new login.
    public let generation: Int
    /// Whether its renewal has failed, so that it serves on for want of another.
    public let isStale: Bool
    /// Whether its time was over when it was given out.
    public let hasEnded: Bool

    public var credential: Credential { grant.credential }
  }

  /// What the end of a grant means.
  public enum End: Sendable {
    /// Whoever reads tells whether it is over: where it cannot be made anew, it serves on until it is refused.
    case toldByRefusal
    /// It is certain to be of no use any more.
    case certain
  }

  /// How far a grant is on its way to its end.
  enum Stage {
    case good
    /// Renewed on the side, while all go on with what there is.
    case due
    /// Nothing is given out before an attempt to renew it.
    case late
  }

  /// The grant in force.
  struct Held {
    let grant: Grant
    let generation: Int
    /// From when on it is renewed: the grant's moment, jittered.
    let renewAt: Moment?
    /// From when on callers wait for its renewal.
    let lateAt: Moment?
    /// Where its renewal failed: when the next one is tried.
    var nextAttempt: Moment?

    init(_ grant: Grant, generation: Int, at now: Moment, random: Double) {
      self.grant = grant
      self.generation = generation
      renewAt = grant.renewAt.map { RefreshWindow.jittered($0, of: grant.until, at: now, random) }
      lateAt = grant.until.map { until in
        let window = (grant.renewAt ?? until).duration(to: until)
        return until.advanced(by: max(min(RefreshWindow.mandatory, window / 2), .zero) * -1)
      }
    }

    func hasEnded(at now: Moment) -> Bool { grant.until.map { $0 <= now } ?? false }

    /// Whether it may be used where no other is to be had.
    func serves(at now: Moment, _ end: End) -> Bool { end == .toldByRefusal || !hasEnded(at: now) }

    func stage(at now: Moment, _ end: End) -> Stage {
      guard serves(at: now, end) else {
        return .late
      }
      if grant.isLengthened, !hasEnded(at: now) {
        return .good
      }
      if let nextAttempt {
        // Once a renewal has failed, nobody waits for the next.
        return now < nextAttempt ? .good : .due
      }
      if let lateAt, lateAt <= now {
        return .late
      }
      return renewAt.map { $0 <= now } ?? false ? .due : .good
    }

    func login(at now: Moment) -> Login {
      Login(grant: grant, generation: generation, isStale: nextAttempt != nil, hasEnded: hasEnded(at: now))
    }
  }
}
