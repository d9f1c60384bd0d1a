import EventLoop
import ExecutionModel
import Refresh
import Resolution

extension ExecutionStatus {
  /// - Parameter root: the folder beneath which outputs are.
  init(_ entry: ManagedExecution, _ states: [Reference: ReferenceState], _ freshness: Freshness, root: String) {
    let plan = entry.accepted?.plan
    let secrets = plan.map { plan in
      plan.items.map { item in
        Secret(item, in: plan, states[item.entry.reference] ?? ReferenceState(), freshness)
      }
    }
    let execution = entry.accepted?.execution
    self.init(
      id: entry.id, jobID: execution?.jobID, namespace: execution?.namespace, source: entry.source,
      state: Self.state(of: entry, secrets ?? []), generation: entry.generation,
      folder: entry.accepted.map { "\(root)/\($0.folder)" }, deliveredAtUnix: entry.deliveredAtUnix,
      notices: entry.notices, failedNotices: entry.failedNotices,
      problems: entry.problems, secrets: secrets ?? [])
  }

  /// One that a source lists, and that was not looked at yet.
  init(awaited id: String, source: String) {
    self.init(
      id: id, jobID: nil, namespace: nil, source: source, state: .pending, generation: 0, folder: nil,
      deliveredAtUnix: nil, notices: 0, failedNotices: 0, problems: [], secrets: [])
  }

  private static func state(of entry: ManagedExecution, _ secrets: [Secret]) -> State {
    guard entry.accepted != nil else {
      return entry.item.hasJobSpec ? .invalid : .pending
    }
    if entry.deliveryProblem != nil {
      return .failing
    }
    guard entry.generation > 0 else {
      return .pending
    }
    return secrets.allSatisfy { $0.source == .live } ? .live : .stale
  }
}

extension ExecutionStatus.Secret {
  init(_ item: ExecutionPlan.Item, in plan: ExecutionPlan, _ state: ReferenceState, _ freshness: Freshness) {
    let connection = plan.groups[item.group].connection
    let now = freshness.now
    self.init(
      name: item.entry.name, standing: Self.standing(of: state, freshness), provider: connection.name,
      providerType: connection.type,
      reference: item.entry.reference.description,
      source: state.value == nil ? .none : freshness.isLate(state) ? .stale : .live, version: state.value?.version,
      age: freshness.age(of: state), lastSuccessUnix: state.lastSuccessUnix,
      nextRefresh: state.due.map { max(.zero, now.duration(to: $0)) },
      expiresIn: state.value?.expiry.map { now.duration(to: $0) }, failures: state.failuresInARow,
      failure: state.failure, isFresh: freshness.isFresh(state))
  }

  private static func standing(of state: ReferenceState, _ freshness: Freshness) -> Standing {
    if state.failure != nil {
      return .failing
    }
    guard state.value != nil else {
      return .pending
    }
    if state.isRestored || !freshness.isFresh(state) {
      return .stale
    }
    return freshness.isLate(state) ? .late : .live
  }
}
