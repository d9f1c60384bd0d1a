import ExecutionModel
import ProviderKit

/// How references stand, for who wants them.
extension RefreshScheduler {
  public func state(of reference: Reference) -> ReferenceState? {
    schedules[reference.connection]?[reference]?.state
  }

  public func states(of owner: String) -> [Reference: ReferenceState] {
    Dictionary(stateList(of: owner)) { first, _ in first }
  }

  /// The same as a list, which takes a fraction of the time to make.
  public func stateList(of owner: String) -> [(Reference, ReferenceState)] {
    (wantsOf[owner] ?? []).compactMap { reference in state(of: reference).map { (reference, $0) } }
  }

  /// Whether every reference of `owner` has a value or a failure.
  public func isTried(_ owner: String) -> Bool {
    (wantsOf[owner] ?? []).allSatisfy { state(of: $0)?.result != nil }
  }

  /// How many values of `owner` are of an earlier life of the process, and were not seen in their stores in this one.
  public func restoredCount(of owner: String) -> Int { restoredOf[owner] ?? 0 }

  /// Tells the ages of such values anew, by what the clock says now.
  public func judgeAges() {
    guard !restoredOf.isEmpty else {
      return
    }
    for schedule in schedules.values {
      schedule.judgeAges(at: time.now, unixTime: time.unixTime)
    }
  }

  /// Those of `owners` that want a reference whose state is not as `holds` says.
  public func owners(_ owners: some Collection<String>, without holds: (ReferenceState) -> Bool) -> [String] {
    owners.filter { owner in
      !(wantsOf[owner] ?? []).allSatisfy { holds(state(of: $0) ?? ReferenceState()) }
    }
  }

  /// Connections that are left alone at present.
  public var openBreakers: [ProviderConnection] {
    schedules.values.filter { $0.isLeftAlone(at: time.now) }.map(\.connection)
  }

  /// Whether a fetch is under way.
  package var isFetching: Bool { schedules.values.contains { $0.fetching > 0 } }
}
