import EventLoop
import ExecutionModel
import Glibc
import Refresh
import Resolution

/// Answers how the node's executions stand, and changes nothing.
@DaemonActor
final class ExecutionOverview {
  /// How many executions are looked at in one turn.
  private static let slice = 50

  private let table: ExecutionTable
  private let scheduler: RefreshScheduler
  private let time: any TimeSource

  init(_ table: ExecutionTable, scheduler: RefreshScheduler, time: any TimeSource) {
    self.table = table
    self.scheduler = scheduler
    self.time = time
  }

  private var freshness: Freshness { Freshness(policy: table.policy, now: time.now) }

  /// How every execution stands, in the order of ids.
  ///
  /// - Parameter labels: what connections are called in metrics, where not by the documents' own words.
  func status(_ labels: [ProviderConnection.Key: ProviderPool.Label] = [:]) async -> [ExecutionStatus] {
    var all: [ExecutionStatus] = []
    for unknown in unreadable {
      all.append(ExecutionStatus(unreadable: unknown.id, source: unknown.source, reason: unknown.reason))
    }
    for id in table.awaited where table.managed[id] == nil {
      all.append(ExecutionStatus(awaited: id, source: table.listings.listing(of: id)?.source ?? ""))
    }
    for (place, id) in table.managed.keys.sorted().enumerated() {
      if place % Self.slice == Self.slice - 1 {
        await Task.yield()
      }
      if let entry = table.managed[id] {
        let root = table.configuration.outputs.root
        all.append(ExecutionStatus(entry, scheduler.states(of: id), freshness, labels, root: root))
      }
    }
    return all.sorted { $0.id < $1.id }
  }

  /// What sources list but cannot read, and nobody knows from another place or an earlier time: nothing of it is in force.
  private var unreadable: [(id: String, source: String, reason: String)] {
    var seen = table.awaited
    return table.listings.unreadable.sorted { $0.key < $1.key }.flatMap { source, entries in
      entries.sorted { $0.key < $1.key }.compactMap { id, reason in
        table.managed[id] == nil && seen.insert(id).inserted ? (id, source, reason) : nil
      }
    }
  }

  /// Executions that are not ready, and how many there are: ``ExecutionStatus/isReady``, without making the status of each secret.
  func readiness() async -> (unready: [String], executions: Int) {
    var unready = table.awaited.filter { table.managed[$0] == nil }
    let isDelivered = { (entry: ManagedExecution) in entry.generation > 0 && entry.deliveryProblem == nil }
    unready.formUnion(table.managed.values.lazy.filter { !isDelivered($0) }.map(\.id))
    let delivered = table.managed.values.filter(isDelivered).map(\.id)
    let freshness = freshness
    // In slices, since there may be thousands.
    for start in stride(from: 0, to: delivered.count, by: Self.slice) {
      let ids = delivered[start..<min(start + Self.slice, delivered.count)]
      unready.formUnion(scheduler.owners(ids) { freshness.isFresh($0) })
      await Task.yield()
    }
    let unreadable = unreadable.map(\.id)
    unready.formUnion(unreadable)
    return (
      unready.sorted(), table.managed.count + table.awaited.count { table.managed[$0] == nil } + unreadable.count
    )
  }

  /// Executions whose outputs are being written.
  var deliveries: [String] { table.managed.values.filter { $0.delivering != nil }.map(\.id).sorted() }

  /// How the sources stand.
  var sources: SourceListings { table.listings }

  /// Why outputs that nobody wants are still there, by id.
  var unremoved: [String: String] { table.folders.unremoved.filter { table.managed[$0.key] == nil } }

  /// Whether all sources were heard and every execution was tried.
  func firstPassIsDone() -> Bool {
    guard table.listings.hasHeardAll, table.awaited.isEmpty else {
      return false
    }
    for entry in table.managed.values where entry.generation == 0 && entry.problems.isEmpty {
      guard scheduler.stateList(of: entry.id).contains(where: { $0.1.failuresInARow > 0 }) else {
        return false
      }
    }
    return true
  }

  /// Whether the execution's folder is another's for now.
  func isWaiting(_ id: String) -> Bool { table.managed[id]?.wantedFolder != nil }

  /// Why the newest document of an execution is not in force.
  func documentProblem(of id: String) -> String? { table.managed[id]?.documentProblem?.text }

  /// What an execution without a generation waits for.
  func standing(of id: String) -> ValueAPI.Standing {
    if let entry = table.managed[id] {
      return .expected(reason: entry.problems.first ?? "its values are being fetched")
    }
    if let reason = table.listings.unreadable.values.compactMap({ $0[id] }).first {
      return .expected(reason: "its document is unreadable: \(reason)")
    }
    if table.awaited.contains(id) || table.listings.listing(of: id) != nil {
      return .expected(reason: "its document is being read")
    }
    return table.listings.hasHeardAll
      ? .unknown : .expected(reason: "not heard yet: \(table.listings.unheard.joined(separator: ", "))")
  }

  /// Ids of those whose job has this name, whether they have a generation or not.
  func executions(ofJob name: String) -> [String] {
    table.managed.filter { $0.value.accepted?.execution.name == name }.map(\.key)
  }

  /// Files that executions name.
  var servedFiles: Set<Reference> { Set(table.managed.values.flatMap { $0.accepted?.servedFiles ?? [] }) }

  /// Whether the user is that of the execution's workload: by its id, its job's id or its name (`api.workload_users`).
  func isWorkload(_ user: uid_t, of id: String) -> Bool {
    guard let execution = table.managed[id]?.accepted?.execution else {
      return false
    }
    let names = [id, execution.jobID, execution.name].compactMap { $0 } + ["*"]
    return names.contains { table.configuration.api.workloadUsers[$0] == user }
  }

  /// The references of an execution, or of one of its secrets, by its entry's name or the one that it is delivered under; `nil` where there
  /// is no such execution or secret.
  func references(of id: String?, secret: String?) -> [Reference]? {
    guard let id else {
      return table.managed.values.flatMap { $0.accepted?.plan.groups.flatMap(\.references) ?? [] }
    }
    guard let plan = table.managed[id]?.accepted?.plan else {
      return nil
    }
    guard let secret else {
      return plan.groups.flatMap(\.references)
    }
    let item =
      plan.items.first { $0.entry.name == secret }
      ?? plan.items.first { $0.entry.outputs.contains { $0.name == secret } }
    return item.map { [$0.entry.reference] }
  }
}
