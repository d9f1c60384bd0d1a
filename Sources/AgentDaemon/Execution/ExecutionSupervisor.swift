import Delivery
import EventLoop
import ExecutionModel
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
  let records: ExecutionRecords
  let notifier: Notifier
  private(set) var configuration: AgentConfiguration
  private(set) var policy: NodePolicy
  var scheduler: RefreshScheduler?
  var managed: [String: ManagedExecution] = [:]
  var known: [String: ExecutionRecord]
  /// What each source lists, in the order in which sources take precedence.
  private var listings: [(source: String, items: [String: ExecutionDocument.Item])] = []
  private(set) var unreadable: [String: [String: String]] = [:]
  private(set) var sourceFailures: [String: String] = [:]
  private var heard: Set<String> = []
  var isStopping = false

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
    for (id, item) in report.listed {
      let before = listings[place].items[id]
      // An execution may come without its job spec; what is known of that stays.
      let whole = before.map { item.completed(by: $0) } ?? item
      if before.map({ !whole.readsTheSame(as: $0) }) ?? true {
        listings[place].items[id] = whole
        touched.insert(id)
      }
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
    if managed[id]?.item.readsTheSame(as: item) == true, managed[id]?.documentProblem == nil {
      managed[id]?.source = listing.source
      return
    }
    await take(item, id, from: listing.source)
  }

  private func take(_ item: ExecutionDocument.Item, _ id: String, from source: String) async {
    var entry = managed[id] ?? ManagedExecution(id: id, source: source, item: item)
    entry.source = source
    entry.item = item.completed(by: entry.item)
    let execution: Execution
    do throws(DocumentFaults) {
      let (validated, warnings) = try registry.catalog.validate(entry.item, in: validationContext)
      execution = validated
      note(warnings, of: &entry)
    } catch {
      let lines = error.faults.filter { $0.severity == .error }.map(\.line)
      return refuse(entry, lines.isEmpty ? ["the document is refused"] : lines)
    }
    if let end = execution.states.end {
      return await stop(id, end)
    }
    guard execution.hasJobSpec else {
      return wait(entry, "job_spec: missing, so what secrets the execution wants is not known")
    }
    let refusals = PolicyGate.refusals(
      of: execution, in: entry.item, by: policy, asEnvironment: configuration.outputs.environmentFile != nil)
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

  /// What documents are held against on this node.
  var validationContext: ValidationContext {
    ValidationContext(
      nodeName: configuration.nodeID, policy: policy, variables: configuration.outputs.environmentFile)
  }

  /// Logs the warnings of a document, unless they are those of the one before.
  private func note(_ warnings: [DocumentFault], of entry: inout ManagedExecution) {
    let lines = warnings.map(\.line)
    guard lines != entry.warnings else {
      return
    }
    entry.warnings = lines
    for line in lines.prefix(20) {
      log.warning("document warning", metadata: ["execution": "\(entry.id)", "reason": "\(line)"])
    }
  }

  /// An execution that came without its job spec, which may follow.
  private func wait(_ entry: ManagedExecution, _ reason: String) {
    var entry = entry
    entry.documentProblem = reason
    managed[entry.id] = entry
    log.notice("execution waits", metadata: ["execution": "\(entry.id)", "reason": "\(reason)"])
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
      removeOutputs(before.directory, entry.id)
      entry.generation = 0
    }
    let directory = directory(folder)
    if let before = entry.accepted, before.directory == directory, before.execution.asksTheSame(as: execution) {
      managed[entry.id] = entry
      return settle(entry.id, after: .zero)
    }
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
      removeOutputs(directory, id)
    }
    known[id] = nil
    records.remove(id)
    if entry != nil {
      log.notice("execution stopped", metadata: ["execution": "\(id)", "reason": "\(reason)"])
      await scheduler?.unsubscribe(id)
    }
  }

  func removeOutputs(_ directory: GenerationDirectory, _ id: String) {
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
        removeOutputs(directory, entry.id)
        records.remove(entry.id)
      }
    }
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
        removeOutputs(directory, id)
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
