import EventLoop
import Synchronization

/// Counts what happens on the connections of one name: calls, failures by class, latency, logins, renewals,
/// and logins that live on for want of a renewal.
public final class ConnectionMetrics: Sendable {
  /// Upper bounds of the latency histogram's buckets, in seconds; calls above the last one are in the total only.
  public static let latencyBounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  /// The counts at one moment.
  public struct Counts: Sendable, Equatable {
    /// Attempts sent, retries among them.
    public var calls = 0
    /// Attempts that failed, by class.
    public var failures: [ProviderFailure.Class: Int] = [:]
    /// How many attempts took at most the bound of the same place in ``latencyBounds``.
    public var latencies = [Int](repeating: 0, count: latencyBounds.count)
    public var latencySum: Duration = .zero
    public var logins = 0
    public var failedLogins = 0
    public var renewals = 0
    public var failedRenewals = 0
    /// Logins at present whose renewal has failed, so that they serve on.
    public var staleLogins = 0
    /// How often such a login was taken for reads before its end, and past it.
    public var staleLoginUses = 0
    public var endedLoginUses = 0
  }

  private let state = Mutex(Counts())

  public init() {}

  public var counts: Counts { state.withLock { $0 } }

  /// One attempt of a call was answered or came to nothing.
  func called(took: Duration, failure: ProviderFailure.Class?) {
    let seconds = Double(took.saturatingNanoseconds) / 1e9
    state.withLock { counts in
      counts.calls += 1
      counts.latencySum += took
      for (place, bound) in Self.latencyBounds.enumerated() where seconds <= bound {
        counts.latencies[place] += 1
      }
      if let failure {
        counts.failures[failure, default: 0] += 1
      }
    }
  }

  func loggedIn(_ succeeded: Bool) {
    state.withLock { counts in
      if succeeded {
        counts.logins += 1
      } else {
        counts.failedLogins += 1
      }
    }
  }

  /// A login serves on although its renewal has failed, or does so no more.
  func loginBecame(stale isStale: Bool) {
    state.withLock { $0.staleLogins += isStale ? 1 : -1 }
  }

  func usedStaleLogin(hasEnded: Bool) {
    state.withLock { counts in
      if hasEnded {
        counts.endedLoginUses += 1
      } else {
        counts.staleLoginUses += 1
      }
    }
  }

  /// A token or lease was renewed, or could not be.
  public func renewed(_ succeeded: Bool) {
    state.withLock { counts in
      if succeeded {
        counts.renewals += 1
      } else {
        counts.failedRenewals += 1
      }
    }
  }
}
