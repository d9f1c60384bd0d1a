import ExecutionModel
import Refresh
import Resolution

extension ManagedExecution {
  private static let tooOld = "a value is older than max_stale"

  /// Why the outputs in place are not to be used any more; `nil`: they are. Those that are newer than what is held of them end by their
  /// own age.
  ///
  /// - Parameter isCached: whether values are kept for a restart.
  func reasonToWithdraw(
    _ plan: ExecutionPlan, _ states: [(Reference, ReferenceState)], _ freshness: Freshness, unixTime: Int64,
    isCached: Bool
  ) -> String? {
    if states.contains(where: { freshness.isWithheld($0.1) }),
      inherited?.isAhead(of: plan, Dictionary(states) { first, _ in first }) != true
    {
      return Self.tooOld
    }
    return inheritedFault(states, freshness, unixTime, isCached)
      ?? (states.contains { $0.1.isForfeit } ? "its store no longer gives a value that was kept" : nil)
  }

  /// Why that is so of what an earlier life of the daemon left in the outputs: nothing of its values is in memory that would tell. Of
  /// what their stores refuse, that is told where a cache keeps values for a restart, as of those in it.
  private func inheritedFault(
    _ states: [(Reference, ReferenceState)], _ freshness: Freshness, _ unixTime: Int64, _ isCached: Bool
  ) -> String? {
    guard let since = inherited?.oldestFetch else {
      return nil
    }
    if freshness.isWithheld(since: since, unixTime: unixTime) {
      return Self.tooOld
    }
    return isCached && states.contains { $0.1.failure?.forfeits == true }
      ? "its store no longer gives a value that was delivered" : nil
  }
}
