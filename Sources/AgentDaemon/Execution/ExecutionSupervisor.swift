import Delivery
import EventLoop
import ExecutionModel
import Logging
import Masking
import NodePolicy
import Refresh
import Resolution
import SealedCache
import Text

/// Looks after all executions of the node: takes in what the sources list, holds documents against the policy, subscribes to values,
/// cleans up after what ends.
@DaemonActor
public final class ExecutionSupervisor {
  /// How often outputs are compared with what they should hold.
  static let auditInterval = Duration.seconds(60)

  /// How the executions stand.
  let overview: ExecutionOverview
  /// What workloads say of their values.
  let refusals = RefusalReports()
  private let table: ExecutionTable
  private let delivery: GenerationDelivery
  private let catalog: ProviderCatalog
  private let scheduler: RefreshScheduler
  private let log: Logger
  private let worker: WorkerThread?
  private let cache: GenerationCache?
  private let delivered: DeliveredGenerations?

  /// - Parameters:
  ///   - worker: where documents are validated and outputs written; `nil`: where the supervisor runs.
  ///   - cache: `nil`: nothing is kept for a start without a network.
  ///   - delivered: what is told of each generation, for those who are asked for values; `nil`: nobody is.
  ///   - hidden: told which values are in use; `nil`: nobody hides them.
  init(
    catalog: ProviderCatalog, scheduler: RefreshScheduler, configuration: AgentConfiguration, policy: NodePolicy,
    records: ExecutionRecords, time: any TimeSource, log: Logger, executor: (any TaskExecutor)?, worker: WorkerThread?,
    cache: GenerationCache? = nil, delivered: DeliveredGenerations? = nil, hidden: LiveValues? = nil,
    sources: [String],
    notifier: @escaping ExecutionNotices.Notifier
  ) {
    self.catalog = catalog
    self.scheduler = scheduler
    self.log = log
    self.worker = worker
    self.cache = cache
    self.delivered = delivered
    let table = ExecutionTable(
      listings: SourceListings(sources), folders: OutputFolders(records, log: log), configuration: configuration,
      policy: policy, hidden: hidden)
    self.table = table
    overview = ExecutionOverview(table, scheduler: scheduler, time: time)
    delivery = GenerationDelivery(
      table, scheduler: scheduler,
      notices: ExecutionNotices(table, time: time, log: log, executor: executor, notifier: notifier), cache: cache,
      delivered: delivered, time: time, log: log, executor: executor, worker: worker)
  }

  /// What is in force; changed by ``reload(_:_:sources:)`` only.
  var configuration: AgentConfiguration { table.configuration }
  var policy: NodePolicy { table.policy }

  private func admission(cache: GenerationCache? = nil) -> DocumentAdmission {
    DocumentAdmission(catalog: catalog, configuration: table.configuration, policy: table.policy, cache: cache)
  }

  // MARK: - What the sources say

  /// Takes in what a source lists now.
  func note(_ report: SourceReport) async {
    let touched = table.listings.note(report).sorted()
    table.awaited.formUnion(touched)
    for id in touched {
      await reconcile(id)
      table.awaited.remove(id)
    }
    noteUnreadable(report)
    table.listings.hear(report)
    await stopOrphans()
  }

  /// Executions that were delivered once and that their source has not listed since the start.
  private func unlisted(of source: String) -> Set<String> {
    Set(table.folders.ids.filter { table.managed[$0] == nil && table.folders[$0]?.source == source })
  }

  /// What a source listed last, before the daemon was restarted or reloaded, and has to list again if it is to stay.
  func expected(of source: String) -> Set<String> { unlisted(of: source).union(table.listings.ids(of: source)) }

  /// Ends what came from a source that is no longer configured, once every source that is has been heard: one of them may have it.
  private func stopOrphans() async {
    guard table.listings.hasHeardAll else {
      return
    }
    let sources = Set(table.listings.sources)
    var orphans = table.managed.values.filter { !sources.contains($0.source) }.map(\.id)
    orphans += table.folders.ids.filter { id in
      table.managed[id] == nil && table.folders.unremoved[id] == nil
        && table.folders[id].map { !sources.contains($0.source) } ?? false
    }
    for id in orphans.sorted() {
      await table.deliveryEnds(id)
      await stop(id, "its source is no longer configured")
    }
  }

  /// An execution in force whose document became unreadable says so in its status; its generation stays.
  private func noteUnreadable(_ report: SourceReport) {
    for (id, entry) in table.managed where entry.source == report.source {
      if let reason = report.unreadable[id] {
        table.managed[id]?.documentProblem = .init(kind: .unreadable, text: "unreadable: \(reason)")
      } else if entry.documentProblem?.kind == .unreadable {
        table.managed[id]?.documentProblem = nil
      }
    }
  }

  private func reconcile(_ id: String) async {
    await table.deliveryEnds(id)
    guard !table.isStopping else {
      return
    }
    guard let listing = table.listings.listing(of: id) else {
      return await stop(id, "no longer listed")
    }
    if table.managed[id]?.item.readsTheSame(as: listing.item) == true, table.managed[id]?.documentProblem == nil {
      table.managed[id]?.source = listing.source
      return
    }
    await take(listing.item, id, from: listing.source)
  }

  private func take(_ item: ExecutionDocument.Item, _ id: String, from source: String) async {
    let item = table.managed[id].map { item.completed(by: $0.item) } ?? item
    let admission = admission(cache: table.managed[id]?.accepted == nil ? cache : nil)
    let (outcome, warnings) = await WorkerThread.run(on: worker) { admission.outcome(of: item, id: id) }
    if case .accepted(let admitted) = outcome {
      for (connection, handover) in admitted.handovers {
        await scheduler.takeOver(handover, for: connection)
      }
    }
    await table.deliveryEnds(id)
    // It may have left meanwhile. Of two documents of one execution the second is done with after the first.
    guard !table.isStopping, table.listings.listing(of: id) != nil else {
      return
    }
    var entry = table.managed[id] ?? ManagedExecution(id: id, source: source, item: item)
    entry.source = source
    entry.item = item
    entry.wantedFolder = nil
    note(warnings, of: &entry)
    switch outcome {
    case .ended(let reason):
      await stop(id, reason)
    case .waiting(let reason):
      hold(entry, [reason], .waits, "execution waits", .notice)
    case .refused(let lines):
      hold(entry, lines, .refused, "document refused", .error)
    case .accepted(let admitted):
      if let problem = admitted.cacheProblem {
        log.warning("cache not used", metadata: ["execution": "\(id)", "reason": "\(problem)"])
      }
      if let owner = table.folders.owner(of: admitted.folder), owner != id {
        // It is taken up again when the folder is free.
        entry.wantedFolder = admitted.folder
        let why = table.folders.unremoved[owner].map { ", whose outputs could not be removed: \($0)" }
        let line = "its output folder \(admitted.folder) is that of execution \(ShownText.clean(owner))\(why ?? "")"
        return hold(entry, [line], .refused, "execution waits", .warning)
      }
      await start(entry, admitted)
    }
  }

  /// Logs the warnings of a document, unless they are those of the one before.
  private func note(_ lines: [String], of entry: inout ManagedExecution) {
    guard lines != entry.warnings else {
      return
    }
    entry.warnings = lines
    for line in lines.prefix(20) {
      log.warning("document warning", metadata: ["execution": "\(entry.id)", "reason": "\(line)"])
    }
  }

  /// Leaves in force what is, since the newest document is not to be; says why.
  private func hold(
    _ entry: ManagedExecution, _ lines: [String], _ kind: ManagedExecution.DocumentProblem.Kind,
    _ message: Logger.Message, _ level: Logger.Level
  ) {
    var entry = entry
    let rest = lines.count > 1 ? " (and \(lines.count - 1) more)" : ""
    entry.documentProblem = lines.first.map { .init(kind: kind, text: $0 + rest) }
    table.managed[entry.id] = entry
    for line in lines.prefix(20) {
      log.log(level: level, message, metadata: ["execution": "\(entry.id)", "reason": "\(line)"])
    }
  }

  private func start(_ entry: ManagedExecution, _ admitted: DocumentAdmission.Admitted) async {
    let (execution, plan, folder) = (admitted.execution, admitted.plan, admitted.folder)
    var entry = entry
    entry.documentProblem = nil
    // After a change sealed anew: a value counts for the words that asked for it.
    entry.kept = admitted.kept
    var freed: String?
    if let before = entry.accepted, before.folder != folder {
      freed = table.folders.release(entry.id, directory) ?? table.folders.abandon(before.folder, by: entry.id)
      entry.generation = 0
      entry.inherited = nil
    }
    table.folders.reclaim(entry.id)
    table.folders.claim(folder, for: entry.id)
    let directory = directory(folder)
    if let before = entry.accepted, before.directory == directory, before.execution.asksTheSame(as: execution) {
      table.managed[entry.id] = entry
      return delivery.settle(entry.id, after: .zero)
    }
    let isFirst = entry.accepted == nil
    if isFirst {
      let inPlace = directory.manifest().flatMap { GenerationManifest.generation(in: $0, of: entry.id) }
      entry.generation = inPlace?.number ?? 0
      entry.inherited = inPlace
      log.notice(
        "execution started",
        metadata: [
          "execution": "\(entry.id)", "secrets": .stringConvertible(plan.items.count),
          "generation": .stringConvertible(entry.generation),
          "from_cache": .stringConvertible(admitted.subscriptions.count { $0.restored != nil }),
        ])
    } else {
      log.notice(
        "execution changed",
        metadata: ["execution": "\(entry.id)", "secrets": .stringConvertible(plan.items.count)])
    }
    entry.accepted = ManagedExecution.Accepted(execution: execution, plan: plan, directory: directory, folder: folder)
    table.managed[entry.id] = entry
    await scheduler.subscribe(entry.id, admitted.subscriptions)
    if isFirst {
      delivery.begin(entry.id)
    }
    delivery.settle(entry.id, after: .zero)
    await handOver(freed)
  }

  private func directory(_ folder: String) -> GenerationDirectory {
    let outputs = table.configuration.outputs
    return GenerationDirectory(
      FilesDirectoryOutput(OutputLocation(beneath: outputs.root, folder), permissions: outputs.permissions),
      environmentFormat: outputs.environmentFile, hasFiles: outputs.hasFiles)
  }

  // MARK: - The end of an execution

  private func stop(_ id: String, _ reason: String) async {
    let entry = table.managed.removeValue(forKey: id)
    table.hide([], of: id)
    refusals.forget(id)
    delivered?.withdraw(id)
    entry?.settling?.cancel()
    entry?.notifying?.cancel()
    let freed = table.folders.release(id, directory) ?? table.folders.abandon(entry?.accepted?.folder, by: id)
    do throws(CacheFault) {
      try cache?.remove(id)
    } catch {
      log.error("cache not cleared", metadata: ["execution": "\(id)", "reason": "\(error)"])
    }
    if let entry {
      log.notice("execution stopped", metadata: ["execution": "\(id)", "reason": "\(reason)"])
      if entry.accepted != nil {
        await scheduler.unsubscribe(id)
      }
    }
    await handOver(freed)
  }

  /// Lets one that waits for a folder have it.
  private func handOver(_ folder: String?) async {
    guard let folder, let next = table.managed.values.filter({ $0.wantedFolder == folder }).map(\.id).min() else {
      return
    }
    if let entry = table.managed[next] {
      await take(entry.item, next, from: entry.source)
    }
  }

  /// Ends what its source can no longer list, since it is known from an earlier life of the daemon only.
  ///
  /// - Returns: false where nothing of that id came from `source`.
  func forget(_ id: String, of source: String) async -> Bool {
    await table.deliveryEnds(id)
    guard unlisted(of: source).contains(id) else {
      return false
    }
    await stop(id, "no longer listed")
    return true
  }

  /// Ends all work; outputs go where the configuration says so.
  func stopAll() async {
    table.isStopping = true
    delivery.stop()
    for id in table.managed.keys.sorted() {
      await table.deliveryEnds(id)
      guard let entry = table.managed[id] else {
        continue
      }
      entry.settling?.cancel()
      entry.notifying?.cancel()
      if table.configuration.stop.removesOutputs {
        _ = table.folders.release(entry.id, directory)
      }
    }
  }

  // MARK: - Change of configuration

  /// Puts a reloaded configuration and policy in force and holds every document against them anew.
  func reload(_ configuration: AgentConfiguration, _ policy: NodePolicy, sources: [String]) async {
    let moved = configuration.outputs != table.configuration.outputs
    table.configuration = configuration
    table.policy = policy
    // What another source lists too is that one's now; the rest stays until all sources were heard again.
    for id in table.listings.reconfigure(sources) where table.listings.listing(of: id) != nil {
      await reconcile(id)
    }
    for id in table.managed.keys.sorted() {
      await table.deliveryEnds(id)
      guard let entry = table.managed[id] else {
        continue
      }
      if moved, let accepted = entry.accepted, accepted.directory != directory(accepted.folder) {
        _ = table.folders.remove(accepted.directory, id)
        table.managed[id]?.generation = 0
        table.managed[id]?.inherited = nil
        if var record = table.folders[id] {
          record.notified = 0
          table.folders.save(record)
        }
      }
      // The order in which sources count may be another now.
      if let listing = table.listings.listing(of: id) {
        await take(listing.item, id, from: listing.source)
      } else if let entry = table.managed[id] {
        await take(entry.item, id, from: entry.source)
      }
    }
  }

  // MARK: - Delivery

  /// Values of `owners` changed.
  func valuesChanged(_ owners: Set<String>) {
    for id in owners {
      delivery.settle(id, after: GenerationDelivery.settling)
    }
  }

  /// Compares every output with what it should hold, and mends it: for what is changed or deleted behind the agent's back, and for
  /// values that became too old. Outputs that could not be removed are tried again.
  func audit() async {
    scheduler.judgeAges()
    // One after the other: what they hold on the way would be thousands of times as much.
    for id in table.managed.keys.sorted() where !table.isStopping && table.managed[id]?.settling == nil {
      delivery.deliver(id)
      await table.deliveryEnds(id)
    }
    for id in table.folders.unremoved.keys.sorted() where table.managed[id] == nil {
      await handOver(table.folders.release(id, directory))
    }
  }

  /// Holds a document against what is in force, and takes nothing in.
  ///
  /// - Throws: every fault.
  func validate(_ item: ExecutionDocument.Item) async throws(DocumentFaults) {
    let (catalog, context) = (catalog, admission().context)
    try await WorkerThread.run(on: worker) { () throws(DocumentFaults) in
      _ = try catalog.validate(item, in: context)
    }
  }
}
