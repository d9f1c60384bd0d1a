import EventLoop
import ExecutionModel
import ProviderKit
import Refresh
import Resolution

extension ExecutionSupervisor {
  /// How every execution stands, in the order of ids.
  public func status() async -> [ExecutionStatus] {
    var all: [ExecutionStatus] = []
    for id in managed.keys.sorted() {
      let states = await scheduler?.states(of: id) ?? [:]
      if let entry = managed[id] {
        all.append(status(of: entry, states))
      }
    }
    return all
  }

  private func status(of entry: ManagedExecution, _ states: [Reference: ReferenceState]) -> ExecutionStatus {
    let plan = entry.accepted?.plan
    let secrets = plan.map { plan in
      plan.items.map { item in status(of: item, in: plan, states[item.reference(in: plan)] ?? ReferenceState()) }
    }
    let execution = entry.accepted?.execution
    return ExecutionStatus(
      id: entry.id, jobID: execution?.jobID, namespace: execution?.namespace, source: entry.source,
      state: state(of: entry, secrets ?? []), generation: entry.generation,
      folder: entry.accepted.map { "\(configuration.outputs.root)/\($0.folder)" },
      deliveredAtUnix: entry.deliveredAtUnix, notices: entry.notices, failedNotices: entry.failedNotices,
      problems: [entry.documentProblem, entry.deliveryProblem, entry.noticeProblem].compactMap { $0 },
      secrets: secrets ?? [])
  }

  private func state(of entry: ManagedExecution, _ secrets: [ExecutionStatus.Secret]) -> ExecutionStatus.State {
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

  private func status(
    of item: ExecutionPlan.Item, in plan: ExecutionPlan, _ state: ReferenceState
  ) -> ExecutionStatus.Secret {
    let connection = plan.groups[item.group].connection
    let now = time.now
    let age = state.lastSuccess.map { $0.duration(to: now) }
    let source: ExecutionStatus.Secret.Source =
      state.value == nil ? .none : state.failure == nil ? .live : .stale
    return ExecutionStatus.Secret(
      name: item.entry.name, provider: connection.name, providerType: connection.type,
      reference: item.reference(in: plan).description, source: source, version: state.value?.version, age: age,
      lastSuccessUnix: state.lastSuccessUnix, nextRefresh: state.due.map { max(.zero, now.duration(to: $0)) },
      expiresIn: state.value?.expiry.map { now.duration(to: $0) }, failures: state.failuresInARow,
      failure: state.failure, isFresh: isFresh(state, age))
  }

  /// Fresh enough: no older than the policy allows, or, where it sets no limit, than two refreshes and a minute.
  private func isFresh(_ state: ReferenceState, _ age: Duration?) -> Bool {
    guard let age else {
      return false
    }
    guard state.failure != nil else {
      return true
    }
    if let limit = policy.maxStale {
      return age <= .nanoseconds(limit.nanoseconds)
    }
    return state.interval.map { age <= $0 * 2 + .seconds(60) } ?? true
  }

  /// Whether all sources were heard and every execution was tried.
  func firstPassIsDone() async -> Bool {
    guard hasHeardAll else {
      return false
    }
    return await status().allSatisfy { execution in
      execution.generation > 0 || !execution.problems.isEmpty || execution.secrets.contains { $0.failures > 0 }
    }
  }

  /// Why the newest document of an execution is not in force.
  func documentProblem(of id: String) -> String? {
    managed[id]?.documentProblem
  }

  /// The references of an execution, or of one of its secrets; `nil` where there is no such execution or secret.
  func references(of id: String?, secret: String?) -> [Reference]? {
    guard let id else {
      return managed.values.flatMap { $0.accepted?.plan.groups.flatMap(\.references) ?? [] }
    }
    guard let plan = managed[id]?.accepted?.plan else {
      return nil
    }
    guard let secret else {
      return plan.groups.flatMap(\.references)
    }
    return plan.items.first { $0.entry.name == secret }.map { [$0.reference(in: plan)] }
  }
}
