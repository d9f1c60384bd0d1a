import EventLoop
import Refresh

/// What a report of a refused value came to.
enum RefusalOutcome: Sendable {
  case taken(RefreshOutcome)
  /// The execution is not that user's.
  case notTheirs
  /// No such execution or secret.
  case unknown
  /// The execution's workload has said so too often.
  case tooMany
}

/// What workloads said of one execution's values.
public struct RefusalCounts: Sendable, Equatable {
  /// Reports that a value was refused.
  public var reports = 0
  /// Those of them for which the value was fetched; the others came too soon after a fetch that was asked for.
  public var fetched = 0
}

/// Counts how often workloads say that a value was refused, and bounds it: each report is a call to a store.
@DaemonActor
final class RefusalReports {
  /// How many an execution may make at once, beside the floor that each secret has (``RefreshScheduler/forcedFloor``); one more comes
  /// after each ``pause``.
  nonisolated static let most = 10
  nonisolated static let pause = Duration.seconds(6)

  private struct Account {
    var left = RefusalReports.most
    var since: Moment
    var counts = RefusalCounts()
  }

  private var accounts: [String: Account] = [:]

  /// Whether the execution may make a report now; it is counted against what it may make.
  func admits(_ execution: String, at now: Moment) -> Bool {
    var account = accounts[execution] ?? Account(since: now)
    while account.left < Self.most, account.since.advanced(by: Self.pause) <= now {
      account.left += 1
      account.since = account.since.advanced(by: Self.pause)
    }
    if account.left == Self.most {
      account.since = now
    }
    let isAdmitted = account.left > 0
    account.left -= isAdmitted ? 1 : 0
    accounts[execution] = account
    return isAdmitted
  }

  /// - Parameter isFetched: whether the value is fetched for it, and was not just before.
  func note(_ execution: String, isFetched: Bool) {
    accounts[execution]?.counts.reports += 1
    accounts[execution]?.counts.fetched += isFetched ? 1 : 0
  }

  /// The execution is gone.
  func forget(_ execution: String) {
    accounts[execution] = nil
  }

  /// By execution.
  var counts: [String: RefusalCounts] { accounts.mapValues(\.counts) }
}
