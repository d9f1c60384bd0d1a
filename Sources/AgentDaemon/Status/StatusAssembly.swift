import EventLoop
import ExecutionModel
import Refresh
import Resolution

extension ExecutionStatus {
  /// - Parameters:
  ///   - labels: what connections are called in metrics, where not by the document's own words.
  ///   - root: the folder beneath which outputs are.
  init(
    _ entry: ManagedExecution, _ states: [Reference: ReferenceState], _ freshness: Freshness,
    _ labels: [ProviderConnection.Key: ProviderPool.Label], root: String
  ) {
    let plan = entry.accepted?.plan
    let secrets = plan.map { plan in
      plan.items.map { item in
        let connection = plan.groups[item.group].connection
        return Secret(
          item, over: connection, called: labels[connection.key] ?? ProviderPool.Label(connection),
          states[item.entry.reference] ?? ReferenceState(), undelivered: entry.undelivered[item.entry.name],
          isDelivered: entry.generation > 0, freshness)
      }
    }
    let execution = entry.accepted?.execution
    self.init(
      id: entry.id, jobID: execution?.jobID, namespace: execution?.namespace, source: entry.source,
      state: Self.state(of: entry, secrets ?? []), generation: entry.generation,
      folder: entry.accepted.map { "\(root)/\($0.folder)" }, deliveredAtUnix: entry.deliveredAtUnix,
      notices: entry.notices, failedNotices: entry.failedNotices,
      problems: entry.problems, isRefused: entry.documentProblem.map { $0.kind != .waits } ?? false,
      secrets: secrets ?? [])
  }

  /// One that a source lists, and that was not looked at yet.
  init(awaited id: String, source: String) {
    self.init(
      id: id, jobID: nil, namespace: nil, source: source, state: .pending, generation: 0, folder: nil,
      deliveredAtUnix: nil, notices: 0, failedNotices: 0, problems: [], isRefused: false, secrets: [])
  }

  /// One that a source lists and cannot read, of which nothing else is known.
  init(unreadable id: String, source: String, reason: String) {
    self.init(
      id: id, jobID: nil, namespace: nil, source: source, state: .invalid, generation: 0, folder: nil,
      deliveredAtUnix: nil, notices: 0, failedNotices: 0, problems: ["unreadable: \(reason)"], isRefused: true,
      secrets: [])
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
  /// The one place that says how a secret stands: what people read and what alerts are made of follow from it.
  ///
  /// - Parameters:
  ///   - label: what the connection is called in metrics.
  ///   - undelivered: why the value that is held is not where its workload reads it.
  ///   - isDelivered: whether anything is.
  init(
    _ item: ExecutionPlan.Item, over connection: ProviderConnection, called label: ProviderPool.Label,
    _ state: ReferenceState, undelivered: SecretFault?, isDelivered: Bool, _ freshness: Freshness
  ) {
    let now = freshness.now
    let undelivered = state.value == nil ? nil : undelivered
    // A connection that documents share tells its failures by the name that another one may have given it.
    let fault = state.failure.map { .provider($0.told(by: connection.name)) } ?? undelivered
    let standing = Self.standing(of: state, isFailing: fault != nil, freshness)
    let isThere = state.value != nil && (undelivered == nil || isDelivered)
    self.init(
      name: item.entry.name, standing: standing, provider: connection.name, providerType: connection.type,
      label: label, reference: item.entry.reference.description,
      source: !isThere ? .none : standing == .live ? .live : .stale, version: state.value?.version,
      age: freshness.age(of: state), lastSuccessUnix: state.lastSuccessUnix,
      nextRefresh: state.due.map { max(.zero, now.duration(to: $0)) },
      expiresIn: state.value?.expiry.map { now.duration(to: $0) },
      failures: max(state.failuresInARow, undelivered == nil ? 0 : 1), fault: fault,
      isFresh: undelivered == nil && freshness.isFresh(state))
  }

  private static func standing(of state: ReferenceState, isFailing: Bool, _ freshness: Freshness) -> Standing {
    if isFailing {
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

extension Sequence where Element == ExecutionStatus {
  /// How many of their secrets stand how.
  var standings: [ExecutionStatus.Secret.Standing: Int] {
    var counts: [ExecutionStatus.Secret.Standing: Int] = [:]
    for secret in lazy.flatMap(\.secrets) {
      counts[secret.standing, default: 0] += 1
    }
    return counts
  }

  /// How many of them have a newest document that is not in force, by source.
  var refusedDocuments: [String: Int] {
    Dictionary(lazy.filter(\.isRefused).map { ($0.source, 1) }, uniquingKeysWith: +)
  }
}
