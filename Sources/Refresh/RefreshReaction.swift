import EventLoop
import ExecutionModel
import ProviderKit

/// What follows a failed refresh, by the failure's class (the table of docs/daemon.md is this one).
enum RefreshReaction {
  /// How long to wait before the reference is tried again: exponential from the class's first pause, with full jitter in its upper
  /// half, and never less than the service asked for.
  ///
  /// - Parameters:
  ///   - failures: how many in a row, at least 1.
  ///   - random: from 0 up to 1.
  static func pause(after failure: ProviderFailure, failures: Int, interval: Duration, random: Double) -> Duration {
    let (first, longest) = bounds(failure.kind)
    let doubling = min(max(failures - 1, 0), 20)
    // What may pass by itself is asked for at least as often as it would be without the failure.
    let ceiling = failure.isRetriable || failure.kind == .missing ? max(min(longest, interval), first) : longest
    let bound = min(first * (1 << doubling), ceiling)
    return max(bound / 2 + bound / 2 * random, failure.retryAfter ?? .zero)
  }

  private static func bounds(_ kind: ProviderFailure.Class) -> (first: Duration, longest: Duration) {
    switch kind {
    case .transient: (.seconds(1), .seconds(60))
    case .throttled: (.seconds(5), .seconds(300))
    // A person has to act, and stores lock out who is denied often.
    case .denied: (.seconds(15), .seconds(900))
    // A secret may yet be made, and a proxy's page in the place of an answer go away.
    case .missing, .malformed: (.seconds(5), .seconds(300))
    // Changes only with the policy or the document, and both start anew.
    case .policy: (.seconds(900), .seconds(900))
    }
  }
}

/// Keeps the calls of one connection back while it is of no use to send any.
///
/// Closed until five batches in a row have failed as a whole for want of an answer; then it opens for a while, and lets a single
/// reference through as a probe before the rest follows. A path that is asked to wait waits alone, until the server says so of a second
/// one or of the login: then the limit is the connection's.
struct CircuitBreaker {
  static let threshold = 5
  private static let shortest = Duration.seconds(2)
  private static let longest = Duration.seconds(60)

  private var failuresInARow = 0
  /// Paths that the server asked to wait, and until when.
  private var throttled: [Reference: Moment] = [:]
  /// No call before then: the breaker is open, or the service asked to wait.
  private(set) var notBefore: Moment?

  /// Whether the next batch is to be a single reference.
  var isProbing: Bool { failuresInARow >= Self.threshold }

  func isClosed(at now: Moment) -> Bool {
    notBefore.map { $0 <= now } ?? true
  }

  /// Notes a batch's results.
  ///
  /// - Parameter interval: at which the most frequent reference is refreshed; it is probed as often, so that all are seen anew within one
  ///   refresh of the store's return.
  mutating func note(
    _ results: [(reference: Reference, result: FetchResult)], at now: Moment, random: Double,
    interval: @autoclosure () -> Duration?
  ) {
    // Nobody wanted any of it by the time it was to be fetched.
    guard !results.isEmpty else {
      return
    }
    let isUseless = results.allSatisfy { $0.result.failure?.kind == .transient }
    failuresInARow = isUseless ? failuresInARow + 1 : 0
    notBefore = nil
    if isProbing {
      let ceiling = min(max(interval() ?? Self.longest, Self.shortest), Self.longest)
      let bound = min(Self.shortest * (1 << min(failuresInARow - Self.threshold, 5)), ceiling)
      notBefore = now.advanced(by: bound / 2 + bound / 2 * random)
    }
    throttled = throttled.filter { $0.value > now }
    var isLogin = false
    for (reference, result) in results {
      throttled[reference] = nil
      if let failure = result.failure, failure.kind == .throttled {
        throttled[reference] = now.advanced(by: failure.retryAfter ?? .seconds(1))
        isLogin = isLogin || failure.reference == nil
      }
    }
    if isLogin || throttled.count > 1, let last = throttled.values.max() {
      notBefore = max(notBefore ?? now, last)
    }
  }
}
