import Synchronization

/// Keeps retries to a fifth of the calls of one connection, so that a struggling server is not met by a multiple of its load.
///
/// Each first attempt earns a fifth of a retry. A reserve of ``reserve`` retries is there from the start, lest a lone call could
/// never be tried again; it is not refilled beyond what calls earn.
public final class RetryBudget: Sendable {
  public static let reserve = 10.0
  static let earnedPerCall = 0.2
  /// What a long quiet time can save up.
  static let ceiling = 100.0

  private let tokens = Mutex(reserve)

  public init() {}

  /// A first attempt was made.
  public func earn() {
    tokens.withLock { $0 = min($0 + Self.earnedPerCall, Self.ceiling) }
  }

  /// Takes one retry out of the budget, or says that there is none.
  public func spend() -> Bool {
    tokens.withLock { tokens in
      guard tokens >= 1 else {
        return false
      }
      tokens -= 1
      return true
    }
  }
}

/// Exponential backoff with full jitter (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
public struct RetrySchedule: Sendable {
  /// Attempts in all, the first among them.
  public var attempts: Int
  public var base: Duration = .milliseconds(100)
  public var ceiling: Duration = .seconds(5)

  public init(attempts: Int = 5) {
    self.attempts = attempts
  }

  /// The pause before retry number `retry` (from 1): anything between nothing and the exponential bound.
  public func pause(beforeRetry retry: Int, random: Double) -> Duration {
    let doubling = min(max(retry - 1, 0), 20)
    let bound = min(base * (1 << doubling), ceiling)
    return bound * random
  }
}
