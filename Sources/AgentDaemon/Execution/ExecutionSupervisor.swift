import CLinux
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Logging
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes

/// Looks after all executions of the node: takes what the sources list, plans, subscribes to values, delivers generations, sends
/// change notices, cleans up.
public actor ExecutionSupervisor {
  /// Sends the configured notices of a change; gives one line for each that failed.
  typealias Notifier =
    @Sendable (
      _ notices: [AgentConfiguration.Notice], _ execution: Execution, _ id: String, _ folder: String,
      _ values: [SecretBytes]
    )
    async -> [String]

  /// How long values of one execution are gathered before they are delivered.
  static let settling = Duration.milliseconds(100)
  /// How often outputs are compared with what they should hold.
  static let auditInterval = Duration.seconds(60)

  let registry: ProviderRegistry
  let time: any TimeSource
  let log: Logger
  let executor: (any TaskExecutor)?
  private let records: ExecutionRecords
  private let notifier: Notifier
  private(set) var configuration: AgentConfiguration
  private(set) var policy: NodePolicy
  private(set) var scheduler: RefreshScheduler?
  private(set) var managed: [String: ManagedExecution] = [:]
  private var known: [String: ExecutionRecord]
  /// What each source lists, in the order in which sources take precedence.
  private var listings: [(source: String, items: [String: ExecutionDocument.Item])] = []
  private(set) var unreadable: [String: [String: String]] = [:]
  private(set) var sourceFailures: [String: String] = [:]
  private var heard: Set<String> = []
  private var isStopping = false

  init(
    registry: ProviderRegistry, configuration: AgentConfiguration, policy: NodePolicy, records: ExecutionRecords,
    time: any TimeSource, log: Logger, executor: (any TaskExecutor)?, sources: [String], notifier: @escaping Notifier
  ) {
    self.registry = registry
    self.configuration = configuration
    self.policy = policy
    self.records = records
    self.known = records.load()
    self.time = time
    self.log = log
    self.executor = executor
    self.notifier = notifier
    self.listings = sources.map { ($0, [:]) }
  }

  func attach(_ scheduler: RefreshScheduler) {
    self.scheduler = scheduler
  }

  /// Whether every source has been heard, so that what nobody lists is known to be unwanted.
  var hasHeardAll: Bool { listings.allSatisfy { heard.contains($0.source) || sourceFailures[$0.source] != nil } }

  /// Executions that were delivered once and that their source has not listed since the start.
  func unlisted(of source: String) -> Set<String> {
    Set(known.values.filter { $0.source == source && managed[$0.id] == nil }.map(\.id))
  }

  /// What a source listed last, before the daemon was restarted or reloaded, and has to list again if it is to stay.
  func expected(of source: String) -> Set<String> {
    unlisted(of: source).union(listings.first { $0.source == source }?.items.keys.map { $0 } ?? [])
  }

  // MARK: - What the sources say

  /// Takes in what a source lists now.
  func note(_ report: SourceReport) async {
    sourceFailures[report.source] = report.failure
    unreadable[report.source] = report.unreadable
    let place = listings.firstIndex { $0.source == report.source } ?? listings.count
    if place == listings.count {
      listings.append((report.source, [:]))
    }
    var touched = report.left
    for (id, item) in report.listed where listings[place].items[id].map({ !$0.isSame(as: item) }) ?? true {
      listings[place].items[id] = item
      touched.insert(id)
    }
    for id in report.left {
      listings[place].items[id] = nil
    }
    if report.failure == nil {
      heard.insert(report.source)
    }
    for id in touched.sorted() {
      await reconcile(id)
    }
    await noteUnreadable(report)
    await stopOrphans()
  }

  /// Ends what came from a source that is no longer configured, once every source that is has been heard: one of them may have it.
  private func stopOrphans() async {
    guard listings.allSatisfy({ heard.contains($0.source) }) else {
      return
    }
    let sources = Set(listings.map(\.source))
    var orphans = managed.values.filter { !sources.contains($0.source) }.map(\.id)
    orphans += known.values.filter { managed[$0.id] == nil && !sources.contains($0.source) }.map(\.id)
    for id in orphans.sorted() {
      await stop(id, "its source is no longer configured")
    }
  }

  /// An execution in force whose document became unreadable says so in its status; its generation stays.
  private func noteUnreadable(_ report: SourceReport) async {
    for (id, entry) in managed where entry.source == report.source {
      if let reason = report.unreadable[id] {
        managed[id]?.documentProblem = "unreadable: \(reason)"
      } else if entry.documentProblem?.hasPrefix("unreadable: ") == true {
        managed[id]?.documentProblem = nil
      }
    }
  }

  /// An execution that a source can no longer list is known from an earlier life of the daemon only.
  func forget(_ id: String) async {
    await stop(id, "no longer listed")
  }

  private func reconcile(_ id: String) async {
    guard !isStopping else {
      return
    }
    guard let listing = listings.first(where: { $0.items[id] != nil }), let item = listing.items[id] else {
      return await stop(id, "no longer listed")
    }
    if managed[id]?.item.isSame(as: item) == true, managed[id]?.documentProblem == nil {
      managed[id]?.source = listing.source
      return
    }
    await take(item, id, from: listing.source)
  }

  private func take(_ item: ExecutionDocument.Item, _ id: String, from source: String) async {
    var entry = managed[id] ?? ManagedExecution(id: id, source: source, item: item)
    entry.source = source
    entry.item = item
    let execution: Execution
    do throws(DocumentFaults) {
      execution = try accept(item, id)
    } catch {
      let lines = error.faults.filter { $0.severity == .error }.map(\.line)
      return refuse(entry, lines.isEmpty ? ["the document is refused"] : lines)
    }
    guard execution.desiredState != .stopped else {
      return await stop(id, "its desired state is stopped")
    }
    let refusals = PolicyGate.refusals(
      of: execution, by: policy, asEnvironment: configuration.outputs.environmentFile != nil)
    guard refusals.isEmpty else {
      return refuse(entry, refusals.map(\.line))
    }
    guard let folder = OutputFolderName.name(configuration.outputs.folder, for: execution, id: id) else {
      return refuse(
        entry, ["no output folder can be named after it: outputs.folder is \(configuration.outputs.folder)"])
    }
    if let other = managed.values.first(where: { $0.id != id && $0.accepted?.folder == folder }) {
      return refuse(entry, ["its output folder \(folder) is that of execution \(DocumentPath.shown(other.id))"])
    }
    await start(entry, execution, folder)
  }

  private func accept(_ item: ExecutionDocument.Item, _ id: String) throws(DocumentFaults) -> Execution {
    let (execution, warnings) = try registry.catalog.validate(item)
    for warning in warnings {
      log.warning("document warning", metadata: ["execution": "\(id)", "reason": "\(warning.line)"])
    }
    return execution
  }

  private func refuse(_ entry: ManagedExecution, _ lines: [String]) {
    var entry = entry
    let rest = lines.count > 1 ? " (and \(lines.count - 1) more)" : ""
    entry.documentProblem = (lines.first ?? "") + rest
    managed[entry.id] = entry
    for line in lines.prefix(20) {
      log.error("document refused", metadata: ["execution": "\(entry.id)", "reason": "\(line)"])
    }
  }

  private func start(_ entry: ManagedExecution, _ execution: Execution, _ folder: String) async {
    var entry = entry
    entry.documentProblem = nil
    if let before = entry.accepted, before.folder != folder {
      remove(before.directory, entry.id)
      entry.generation = 0
    }
    let directory = directory(folder)
    let plan = ExecutionPlan(execution)
    if entry.accepted == nil {
      let inPlace = directory.manifest().flatMap { GenerationManifest.number(in: $0, of: entry.id) }
      entry.generation = inPlace ?? 0
      log.notice(
        "execution started",
        metadata: ["execution": "\(entry.id)", "secrets": "\(plan.items.count)", "generation": "\(entry.generation)"])
    } else {
      log.notice("execution changed", metadata: ["execution": "\(entry.id)", "secrets": "\(plan.items.count)"])
    }
    entry.accepted = ManagedExecution.Accepted(execution: execution, plan: plan, directory: directory, folder: folder)
    managed[entry.id] = entry
    await scheduler?.subscribe(entry.id, plan.subscriptions)
    settle(entry.id, after: .zero)
  }

  private func directory(_ folder: String) -> GenerationDirectory {
    let outputs = configuration.outputs
    return GenerationDirectory(
      FilesDirectoryOutput(OutputLocation(beneath: outputs.root, folder), permissions: outputs.permissions),
      environmentFormat: outputs.environmentFile, hasFiles: outputs.hasFiles)
  }

  // MARK: - The end of an execution

  private func stop(_ id: String, _ reason: String) async {
    let entry = managed.removeValue(forKey: id)
    entry?.settling?.cancel()
    entry?.notifying?.cancel()
    if let directory = entry?.accepted?.directory ?? known[id].map({ directory($0.folder) }) {
      remove(directory, id)
    }
    known[id] = nil
    records.remove(id)
    if entry != nil {
      log.notice("execution stopped", metadata: ["execution": "\(id)", "reason": "\(reason)"])
      await scheduler?.unsubscribe(id)
    }
  }

  private func remove(_ directory: GenerationDirectory, _ id: String) {
    do throws(DeliveryFaults) {
      try directory.remove()
    } catch {
      log.error("outputs not removed", metadata: ["execution": "\(id)", "reason": "\(error.description)"])
    }
  }

  /// Ends all work; outputs go where the configuration says so.
  func stopAll() {
    isStopping = true
    for entry in managed.values {
      entry.settling?.cancel()
      entry.notifying?.cancel()
      if configuration.stop.removesOutputs, let directory = entry.accepted?.directory {
        remove(directory, entry.id)
        records.remove(entry.id)
      }
    }
  }

  // MARK: - Delivery

  /// Values of `owners` changed.
  func valuesChanged(_ owners: Set<String>) {
    for id in owners {
      settle(id, after: Self.settling)
    }
  }

  private func settle(_ id: String, after pause: Duration) {
    guard managed[id] != nil, managed[id]?.settling == nil, !isStopping else {
      return
    }
    managed[id]?.settling = Task(executorPreference: executor) { [time] in
      if pause > .zero {
        guard (try? await time.sleep(for: pause)) != nil else {
          return
        }
      }
      await self.deliver(id)
    }
  }

  private func deliver(_ id: String) async {
    managed[id]?.settling = nil
    guard let scheduler, let accepted = managed[id]?.accepted else {
      return
    }
    let states = await scheduler.states(of: id)
    // The execution may have changed or gone while the states were asked for.
    guard let current = managed[id]?.accepted, current.folder == accepted.folder, !isStopping else {
      return
    }
    let plan = current.plan
    guard plan.items.allSatisfy({ states[$0.reference(in: plan)]?.result != nil }) else {
      return
    }
    do throws(GenerationFailure) {
      let generation = try GenerationAssembly(registry: registry).assemble(plan) { item in
        self.result(of: states[item.reference(in: plan)])
      }
      put(generation, id, current)
    } catch {
      fail(id, error, states)
    }
  }

  /// The value to deliver, unless the policy says that it is too old.
  private func result(of state: ReferenceState?) -> FetchResult {
    guard let state, let result = state.result else {
      return .failure(ProviderFailure(.transient, connection: "", "not fetched yet"))
    }
    if let limit = policy.maxStale, let last = state.lastSuccess, let failure = state.failure,
      last.duration(to: time.now) > .nanoseconds(limit.nanoseconds)
    {
      return .failure(failure)
    }
    return result
  }

  private func fail(_ id: String, _ failure: GenerationFailure, _ states: [Reference: ReferenceState]) {
    let first = failure.failures.first?.line ?? ""
    let rest = failure.failures.count > 1 ? " (and \(failure.failures.count - 1) more)" : ""
    let isNew = managed[id]?.deliveryProblem != first + rest
    managed[id]?.deliveryProblem = first + rest
    if isNew {
      for failed in failure.failures.prefix(20) {
        log.error("generation not made", metadata: ["execution": "\(id)", "reason": "\(failed.line)"])
      }
    }
    let isTooOld = states.values.contains { state in
      state.value != nil && (try? result(of: state).get()) == nil
    }
    if isTooOld, let directory = managed[id]?.accepted?.directory, managed[id]?.generation ?? 0 > 0 {
      log.error("outputs withdrawn", metadata: ["execution": "\(id)", "reason": "a value is older than max_stale"])
      remove(directory, id)
    }
  }

  private func put(_ generation: Generation, _ id: String, _ accepted: ManagedExecution.Accepted) {
    let inPlace = managed[id]?.generation ?? 0
    let number = inPlace + 1
    let secrets = generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) }
    let manifest = GenerationManifest.write(
      generation, number: number, execution: id, now: time.now, unixTime: time.unixTime)
    do throws(DeliveryFaults) {
      makeRoot()
      let outcome = try accepted.directory.deliver(secrets, manifest: manifest)
      managed[id]?.deliveryProblem = nil
      managed[id]?.deliveryFailures = 0
      for warning in outcome.warnings {
        log.warning("output left in part", metadata: ["execution": "\(id)", "reason": "\(warning)"])
      }
      if outcome.change == .content {
        managed[id]?.generation = number
        managed[id]?.deliveredAtUnix = time.unixTime
        log.notice(
          "generation delivered",
          metadata: ["execution": "\(id)", "generation": "\(number)", "secrets": "\(secrets.count)"])
      }
      record(id, accepted.folder)
      notifyIfNeeded(id, secrets.map(\.value))
    } catch {
      deliveryFailed(id, error)
    }
  }

  private func makeRoot() {
    // Its permissions let others pass, not list: each execution's folder has its own.
    mkdir(configuration.outputs.root, 0o711)
  }

  private func deliveryFailed(_ id: String, _ error: DeliveryFaults) {
    let first = error.faults.first?.description ?? ""
    if managed[id]?.deliveryProblem != first {
      for fault in error.faults.prefix(20) {
        log.error("generation not delivered", metadata: ["execution": "\(id)", "reason": "\(fault)"])
      }
    }
    managed[id]?.deliveryProblem = first
    let failures = (managed[id]?.deliveryFailures ?? 0) + 1
    managed[id]?.deliveryFailures = failures
    settle(id, after: min(.seconds(1) * (1 << min(failures, 6)), .seconds(60)))
  }

  /// Compares every output with what it should hold, and mends it: for what is changed or deleted behind the agent's back, and for
  /// values that became too old.
  func audit() {
    for entry in managed.values where entry.accepted != nil {
      settle(entry.id, after: .zero)
    }
  }

  // MARK: - Notices

  private func record(_ id: String, _ folder: String) {
    guard let entry = managed[id] else {
      return
    }
    var record = known[id] ?? ExecutionRecord(id: id, source: entry.source, folder: folder, notified: 0)
    record.source = entry.source
    record.folder = folder
    // Without anybody to tell, and for a first generation that nobody has read yet, there is nothing to catch up on later.
    if configuration.notices.isEmpty || (record.notified == 0 && entry.generation == 1) {
      record.notified = entry.generation
    }
    save(record)
  }

  private func save(_ record: ExecutionRecord) {
    guard known[record.id] != record else {
      return
    }
    do throws(ExecutionRecords.Fault) {
      try records.save(record)
      known[record.id] = record
    } catch {
      log.error("state not recorded", metadata: ["execution": "\(record.id)", "reason": "\(error)"])
    }
  }

  private func notifyIfNeeded(_ id: String, _ values: [SecretBytes]) {
    guard let entry = managed[id], entry.notifying == nil, !configuration.notices.isEmpty,
      entry.generation > known[id]?.notified ?? 0
    else {
      return
    }
    let pause = configuration.noticeDelay
    managed[id]?.notifying = Task(executorPreference: executor) { [time] in
      guard (try? await time.sleep(for: pause)) != nil else {
        return
      }
      await self.notify(id, values)
    }
  }

  private func notify(_ id: String, _ values: [SecretBytes]) async {
    guard let entry = managed[id], let accepted = entry.accepted, var record = known[id] else {
      return
    }
    let generation = entry.generation
    let folder = "\(configuration.outputs.root)/\(accepted.folder)"
    let faults = await notifier(configuration.notices, accepted.execution, id, folder, values)
    for fault in faults {
      log.error("notice failed", metadata: ["execution": "\(id)", "reason": "\(fault)"])
    }
    log.notice("notices sent", metadata: ["execution": "\(id)", "generation": "\(generation)"])
    record.notified = generation
    if managed[id] != nil {
      save(record)
    }
    managed[id]?.notifying = nil
    managed[id]?.noticeProblem = faults.first
    managed[id]?.notices += configuration.notices.count - faults.count
    managed[id]?.failedNotices += faults.count
    // A generation that came while the notices were under way needs its own.
    notifyIfNeeded(id, values)
  }

  // MARK: - Change of configuration

  /// Puts a reloaded configuration and policy in force and holds every document against them anew.
  func reload(_ configuration: AgentConfiguration, _ policy: NodePolicy, sources: [String]) async {
    let moved = configuration.outputs != self.configuration.outputs
    self.configuration = configuration
    self.policy = policy
    let gone = listings.filter { !sources.contains($0.source) }
    listings = sources.map { source in listings.first { $0.source == source } ?? (source, [:]) }
    sourceFailures = sourceFailures.filter { sources.contains($0.key) }
    unreadable = unreadable.filter { sources.contains($0.key) }
    heard = []
    // What another source lists too is that one's now; the rest stays until all sources were heard again.
    for id in gone.flatMap(\.items.keys) where listings.contains(where: { $0.items[id] != nil }) {
      await reconcile(id)
    }
    for (id, entry) in managed {
      if moved, let directory = entry.accepted?.directory, directory != self.directory(entry.accepted?.folder ?? "") {
        remove(directory, id)
        managed[id]?.generation = 0
        known[id]?.notified = 0
      }
      if let entry = managed[id] {
        await take(entry.item, id, from: entry.source)
      }
    }
  }
}

extension ExecutionPlan.Item {
  func reference(in plan: ExecutionPlan) -> Reference {
    plan.groups[group].references[reference]
  }
}
