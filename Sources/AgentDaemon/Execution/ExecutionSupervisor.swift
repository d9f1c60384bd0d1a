import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Logging
import NodePolicy
import Refresh
import Resolution
import SealedCache
import SecretBytes
import Text

/// Looks after all executions of the node: takes what the sources list, plans, subscribes to values, delivers generations, sends
/// change notices, cleans up.
@DaemonActor
public final class ExecutionSupervisor {
  /// Sends the configured notices of a change; gives one line for each that failed.
  typealias Notifier =
    @Sendable (
      _ notices: [AgentConfiguration.Notice], _ execution: Execution, _ id: String, _ folder: String,
      _ values: [SecretBytes]
    )
    async -> [String]

  /// How long values of one execution are gathered before they are delivered.
  static let settling = Duration.milliseconds(100)
  /// How many executions are looked at in one turn.
  private static let slice = 50
  /// How often outputs are compared with what they should hold.
  static let auditInterval = Duration.seconds(60)

  private let catalog: ProviderCatalog
  private let time: any TimeSource
  private let log: Logger
  private let executor: (any TaskExecutor)?
  private let worker: WorkerThread?
  private let cache: GenerationCache?
  private let notifier: Notifier
  private(set) var configuration: AgentConfiguration
  private var policy: NodePolicy
  private let scheduler: RefreshScheduler
  private var managed: [String: ManagedExecution] = [:]
  private var listings: SourceListings
  private var folders: OutputFolders
  /// Listed, and not yet looked at.
  private var awaited: Set<String> = []
  private var isStopping = false

  /// - Parameters:
  ///   - worker: where documents are validated and outputs written; `nil`: where the supervisor runs.
  ///   - cache: `nil`: nothing is kept for a start without a network.
  init(
    catalog: ProviderCatalog, scheduler: RefreshScheduler, configuration: AgentConfiguration, policy: NodePolicy,
    records: ExecutionRecords, time: any TimeSource, log: Logger, executor: (any TaskExecutor)?, worker: WorkerThread?,
    cache: GenerationCache? = nil, sources: [String], notifier: @escaping Notifier
  ) {
    self.catalog = catalog
    self.scheduler = scheduler
    self.configuration = configuration
    self.policy = policy
    self.folders = OutputFolders(records, log: log)
    self.time = time
    self.log = log
    self.executor = executor
    self.worker = worker
    self.cache = cache
    self.notifier = notifier
    self.listings = SourceListings(sources)
  }

  private func admission(cache: GenerationCache? = nil) -> DocumentAdmission {
    DocumentAdmission(catalog: catalog, configuration: configuration, policy: policy, cache: cache)
  }

  private var freshness: Freshness { Freshness(policy: policy, now: time.now) }

  // MARK: - What the sources say

  /// Takes in what a source lists now.
  func note(_ report: SourceReport) async {
    let touched = listings.note(report).sorted()
    awaited.formUnion(touched)
    for id in touched {
      await reconcile(id)
      awaited.remove(id)
    }
    noteUnreadable(report)
    listings.hear(report)
    await stopOrphans()
  }

  /// Executions that were delivered once and that their source has not listed since the start.
  private func unlisted(of source: String) -> Set<String> {
    Set(folders.ids.filter { managed[$0] == nil && folders[$0]?.source == source })
  }

  /// What a source listed last, before the daemon was restarted or reloaded, and has to list again if it is to stay.
  func expected(of source: String) -> Set<String> { unlisted(of: source).union(listings.ids(of: source)) }

  /// Ends what came from a source that is no longer configured, once every source that is has been heard: one of them may have it.
  private func stopOrphans() async {
    guard listings.hasHeardAll else {
      return
    }
    let sources = Set(listings.sources)
    var orphans = managed.values.filter { !sources.contains($0.source) }.map(\.id)
    orphans += folders.ids.filter { id in
      managed[id] == nil && folders.unremoved[id] == nil && folders[id].map { !sources.contains($0.source) } ?? false
    }
    for id in orphans.sorted() {
      await deliveryEnds(id)
      await stop(id, "its source is no longer configured")
    }
  }

  /// An execution in force whose document became unreadable says so in its status; its generation stays.
  private func noteUnreadable(_ report: SourceReport) {
    for (id, entry) in managed where entry.source == report.source {
      if let reason = report.unreadable[id] {
        managed[id]?.documentProblem = "unreadable: \(reason)"
      } else if entry.documentProblem?.hasPrefix("unreadable: ") == true {
        managed[id]?.documentProblem = nil
      }
    }
  }

  /// Returns when no output of `id` is being written. What follows up to the next `await` has them to itself.
  private func deliveryEnds(_ id: String) async {
    while let delivering = managed[id]?.delivering {
      await delivering.value
    }
  }

  private func reconcile(_ id: String) async {
    await deliveryEnds(id)
    guard !isStopping else {
      return
    }
    guard let listing = listings.listing(of: id) else {
      return await stop(id, "no longer listed")
    }
    if managed[id]?.item.readsTheSame(as: listing.item) == true, managed[id]?.documentProblem == nil {
      managed[id]?.source = listing.source
      return
    }
    await take(listing.item, id, from: listing.source)
  }

  private func take(_ item: ExecutionDocument.Item, _ id: String, from source: String) async {
    let item = managed[id].map { item.completed(by: $0.item) } ?? item
    let admission = admission(cache: managed[id]?.accepted == nil ? cache : nil)
    let (outcome, warnings) = await WorkerThread.run(on: worker) { admission.outcome(of: item, id: id) }
    await deliveryEnds(id)
    // It may have left meanwhile. Of two documents of one execution the second is done with after the first.
    guard !isStopping, listings.listing(of: id) != nil else {
      return
    }
    var entry = managed[id] ?? ManagedExecution(id: id, source: source, item: item)
    entry.source = source
    entry.item = item
    entry.wantedFolder = nil
    note(warnings, of: &entry)
    switch outcome {
    case .ended(let reason):
      await stop(id, reason)
    case .waiting(let reason):
      hold(entry, [reason], "execution waits", .notice)
    case .refused(let lines):
      hold(entry, lines, "document refused", .error)
    case .accepted(let admitted):
      if let problem = admitted.cacheProblem {
        log.warning("cache not used", metadata: ["execution": "\(id)", "reason": "\(problem)"])
      }
      if let owner = folders.owner(of: admitted.folder), owner != id {
        // It is taken up again when the folder is free.
        entry.wantedFolder = admitted.folder
        let why = folders.unremoved[owner].map { ", whose outputs could not be removed: \($0)" }
        let line = "its output folder \(admitted.folder) is that of execution \(ShownText.clean(owner))\(why ?? "")"
        return hold(entry, [line], "execution waits", .warning)
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
  private func hold(_ entry: ManagedExecution, _ lines: [String], _ message: Logger.Message, _ level: Logger.Level) {
    var entry = entry
    let rest = lines.count > 1 ? " (and \(lines.count - 1) more)" : ""
    entry.documentProblem = lines.first.map { $0 + rest }
    managed[entry.id] = entry
    for line in lines.prefix(20) {
      log.log(level: level, message, metadata: ["execution": "\(entry.id)", "reason": "\(line)"])
    }
  }

  private func start(_ entry: ManagedExecution, _ admitted: DocumentAdmission.Admitted) async {
    let (execution, plan, folder) = (admitted.execution, admitted.plan, admitted.folder)
    var entry = entry
    entry.documentProblem = nil
    // Sealed anew: a value counts for the words that asked for it.
    entry.kept = nil
    var freed: String?
    if let before = entry.accepted, before.folder != folder {
      freed = folders.release(entry.id, directory) ?? folders.abandon(before.folder, by: entry.id)
      entry.generation = 0
    }
    folders.reclaim(entry.id)
    folders.claim(folder, for: entry.id)
    let directory = directory(folder)
    if let before = entry.accepted, before.directory == directory, before.execution.asksTheSame(as: execution) {
      managed[entry.id] = entry
      return settle(entry.id, after: .zero)
    }
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
    await scheduler.subscribe(entry.id, admitted.subscriptions)
    settle(entry.id, after: .zero)
    await handOver(freed)
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
    let freed = folders.release(id, directory) ?? folders.abandon(entry?.accepted?.folder, by: id)
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
    guard let folder, let next = managed.values.filter({ $0.wantedFolder == folder }).map(\.id).min() else {
      return
    }
    if let entry = managed[next] {
      await take(entry.item, next, from: entry.source)
    }
  }

  /// Ends what its source can no longer list, since it is known from an earlier life of the daemon only.
  ///
  /// - Returns: false where nothing of that id came from `source`.
  func forget(_ id: String, of source: String) async -> Bool {
    await deliveryEnds(id)
    guard unlisted(of: source).contains(id) else {
      return false
    }
    await stop(id, "no longer listed")
    return true
  }

  /// Ends all work; outputs go where the configuration says so.
  func stopAll() async {
    isStopping = true
    for id in managed.keys.sorted() {
      await deliveryEnds(id)
      guard let entry = managed[id] else {
        continue
      }
      entry.settling?.cancel()
      entry.notifying?.cancel()
      if configuration.stop.removesOutputs {
        _ = folders.release(entry.id, directory)
      }
    }
  }

  // MARK: - Change of configuration

  /// Puts a reloaded configuration and policy in force and holds every document against them anew.
  func reload(_ configuration: AgentConfiguration, _ policy: NodePolicy, sources: [String]) async {
    let moved = configuration.outputs != self.configuration.outputs
    self.configuration = configuration
    self.policy = policy
    // What another source lists too is that one's now; the rest stays until all sources were heard again.
    for id in listings.reconfigure(sources) where listings.listing(of: id) != nil {
      await reconcile(id)
    }
    for id in managed.keys.sorted() {
      await deliveryEnds(id)
      guard let entry = managed[id] else {
        continue
      }
      if moved, let accepted = entry.accepted, accepted.directory != directory(accepted.folder) {
        _ = folders.remove(accepted.directory, id)
        managed[id]?.generation = 0
        if var record = folders[id] {
          record.notified = 0
          folders.save(record)
        }
      }
      // The order in which sources count may be another now.
      if let listing = listings.listing(of: id) {
        await take(listing.item, id, from: listing.source)
      } else if let entry = managed[id] {
        await take(entry.item, id, from: entry.source)
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

  /// Compares every output with what it should hold, and mends it: for what is changed or deleted behind the agent's back, and for
  /// values that became too old. Outputs that could not be removed are tried again.
  func audit() async {
    // One after the other: what they hold on the way would be thousands of times as much.
    for id in managed.keys.sorted() where !isStopping && managed[id]?.settling == nil {
      deliver(id)
      await deliveryEnds(id)
    }
    for id in folders.unremoved.keys.sorted() where managed[id] == nil {
      await handOver(folders.release(id, directory))
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

  private func deliver(_ id: String) {
    managed[id]?.settling = nil
    guard let accepted = managed[id]?.accepted else {
      return
    }
    guard managed[id]?.delivering == nil else {
      managed[id]?.isOutdated = true
      return
    }
    guard !isStopping, scheduler.isTried(id) else {
      return
    }
    let states = scheduler.stateList(of: id)
    managed[id]?.delivering = Task(executorPreference: executor) {
      let isDelivered = await self.deliver(accepted, id, states)
      await self.keep(id, accepted, states, isDelivered: isDelivered)
      await self.delivered(id)
    }
  }

  private func delivered(_ id: String) {
    managed[id]?.delivering = nil
    if managed[id]?.isOutdated == true {
      managed[id]?.isOutdated = false
      settle(id, after: .zero)
    }
  }

  /// - Returns: whether there is a generation of all values.
  private func deliver(
    _ accepted: ManagedExecution.Accepted, _ id: String, _ states: [(Reference, ReferenceState)]
  ) async -> Bool {
    let (freshness, limit) = (freshness, policy.bounds.executionBytes)
    do throws(GenerationFailure) {
      let generation = try await WorkerThread.run(on: worker) { () throws(GenerationFailure) -> Generation in
        let states = Dictionary(states) { first, _ in first }
        return try GenerationAssembly.assemble(accepted.plan, atMost: limit) {
          freshness.result(of: states[$0.entry.reference])
        }
      }
      await put(generation, id, accepted)
      return true
    } catch {
      let reason =
        states.contains { freshness.isTooOld($0.1) }
        ? "a value is older than max_stale"
        : states.contains { $0.1.isForfeit } ? "its store no longer gives a value that was kept" : nil
      fail(id, error, withdrawing: reason)
      return false
    }
  }

  /// - Parameter reason: why the outputs in place are not to be used any more.
  private func fail(_ id: String, _ failure: GenerationFailure, withdrawing reason: String?) {
    let rest = failure.failures.count > 1 ? " (and \(failure.failures.count - 1) more)" : ""
    let problem = failure.failures.first.map { $0.line + rest }
    if managed[id]?.deliveryProblem != problem {
      for failed in failure.failures.prefix(20) {
        log.error("generation not made", metadata: ["execution": "\(id)", "reason": "\(failed.line)"])
      }
    }
    managed[id]?.deliveryProblem = problem
    if let reason, let directory = managed[id]?.accepted?.directory, managed[id]?.generation ?? 0 > 0 {
      log.error("outputs withdrawn", metadata: ["execution": "\(id)", "reason": "\(reason)"])
      _ = folders.remove(directory, id)
    }
  }

  private func put(_ generation: Generation, _ id: String, _ accepted: ManagedExecution.Accepted) async {
    let inPlace = managed[id]?.generation ?? 0
    let number = inPlace + 1
    let secrets = generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) }
    // Its permissions let others pass, not list: each execution's folder has its own.
    mkdir(configuration.outputs.root, 0o711)
    // On record first: what a crash leaves behind has an owner.
    record(id, accepted.folder)
    let (now, unixTime) = (time.now, time.unixTime)
    do throws(DeliveryFaults) {
      let outcome = try await WorkerThread.run(on: worker) {
        () throws(DeliveryFaults) -> GenerationDirectory.Outcome in
        let manifest = GenerationManifest.write(
          generation, number: number, execution: id, now: now, unixTime: unixTime)
        return try accepted.directory.deliver(secrets, manifest: manifest)
      }
      folders.reclaim(id)
      managed[id]?.deliveryProblem = nil
      managed[id]?.deliveryFailures = 0
      for warning in outcome.warnings {
        log.warning("output left in part", metadata: ["execution": "\(id)", "reason": "\(warning)"])
      }
      if outcome.change == .content {
        log.notice(
          "generation delivered",
          metadata: ["execution": "\(id)", "generation": "\(number)", "secrets": "\(secrets.count)"])
      }
      // What an earlier process delivered may be in place, though its manifest does not say which generation it is.
      if outcome.change == .content || inPlace == 0 {
        managed[id]?.generation = number
        managed[id]?.deliveredAtUnix = time.unixTime
      }
      record(id, accepted.folder)
      notifyIfNeeded(id, secrets.map(\.value))
    } catch {
      deliveryFailed(id, error)
    }
  }

  /// Seals what was delivered for a start without a network; of what was not, destroys the values that their stores no longer give.
  private func keep(
    _ id: String, _ accepted: ManagedExecution.Accepted, _ states: [(Reference, ReferenceState)], isDelivered: Bool
  ) async {
    guard let cache, let entry = managed[id] else {
      return
    }
    let (item, last, clock) = (entry.item, entry.kept, (time.unixTime, time.now))
    let maxStale = policy.maxStale.map { $0.nanoseconds / 1_000_000_000 }
    let kept: CachedGeneration?
    do throws(CacheFault) {
      kept = try await WorkerThread.run(on: worker) { () throws(CacheFault) -> CachedGeneration? in
        let states = Dictionary(states) { first, _ in first }
        guard !isDelivered else {
          return try cache.keep(
            accepted.execution, item, id, states, unless: last, maxStale: maxStale, at: clock)
        }
        let forfeited = accepted.execution.secrets.filter { entry in
          states[entry.reference].map { $0.isForfeit || $0.failure?.forfeits == true } ?? false
        }
        return try cache.destroy(Set(forfeited.map(\.name)), of: id) ?? last
      }
    } catch {
      // It is tried again at the next audit.
      if managed[id]?.cacheProblem != error.description {
        log.error("cache not written", metadata: ["execution": "\(id)", "reason": "\(error)"])
      }
      managed[id]?.cacheProblem = error.description
      return
    }
    // Not in one step with the wait above: the place of an entry moves while others come and go.
    managed[id]?.kept = kept
    managed[id]?.cacheProblem = nil
  }

  private func deliveryFailed(_ id: String, _ error: DeliveryFaults) {
    let problem = error.faults.first?.description
    if managed[id]?.deliveryProblem != problem {
      for fault in error.faults.prefix(20) {
        log.error("generation not delivered", metadata: ["execution": "\(id)", "reason": "\(fault)"])
      }
    }
    managed[id]?.deliveryProblem = problem
    let failures = min(managed[id]?.deliveryFailures ?? 0, 1000) + 1
    managed[id]?.deliveryFailures = failures
    settle(id, after: min(.seconds(1) * (1 << min(failures, 6)), .seconds(60)))
  }

  // MARK: - Notices

  private func record(_ id: String, _ folder: String) {
    guard let entry = managed[id] else {
      return
    }
    var record = folders[id] ?? ExecutionRecord(id: id, source: entry.source, folder: folder, notified: 0)
    record.source = entry.source
    record.folder = folder
    // Without anybody to tell, and for a first generation that nobody has read yet, there is nothing to catch up on later.
    if configuration.notices.isEmpty || (record.notified == 0 && entry.generation == 1) {
      record.notified = entry.generation
    }
    folders.save(record)
  }

  private func notifyIfNeeded(_ id: String, _ values: [SecretBytes]) {
    guard let entry = managed[id], entry.notifying == nil, !configuration.notices.isEmpty,
      entry.generation > folders[id]?.notified ?? 0
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
    guard let entry = managed[id], let accepted = entry.accepted else {
      return
    }
    let generation = entry.generation
    let folder = "\(configuration.outputs.root)/\(accepted.folder)"
    let faults = await notifier(configuration.notices, accepted.execution, id, folder, values)
    for fault in faults {
      log.error("notice failed", metadata: ["execution": "\(id)", "reason": "\(fault)"])
    }
    let sent = configuration.notices.count - faults.count
    if sent > 0 {
      log.notice(
        "notices sent", metadata: ["execution": "\(id)", "generation": "\(generation)", "notices": "\(sent)"])
    }
    guard managed[id] != nil else {
      return
    }
    if var record = folders[id] {
      record.notified = generation
      folders.save(record)
    }
    managed[id]?.notifying = nil
    managed[id]?.noticeProblem = faults.first
    managed[id]?.notices += sent
    managed[id]?.failedNotices += faults.count
    // A generation that came while the notices were under way needs its own.
    notifyIfNeeded(id, values)
  }

  // MARK: - How it stands

  /// How every execution stands, in the order of ids.
  func status() async -> [ExecutionStatus] {
    var all: [ExecutionStatus] = []
    for id in awaited where managed[id] == nil {
      all.append(ExecutionStatus(awaited: id, source: listings.listing(of: id)?.source ?? ""))
    }
    for (place, id) in managed.keys.sorted().enumerated() {
      if place % Self.slice == Self.slice - 1 {
        await Task.yield()
      }
      if let entry = managed[id] {
        all.append(ExecutionStatus(entry, scheduler.states(of: id), freshness, root: configuration.outputs.root))
      }
    }
    return awaited.isEmpty ? all : all.sorted { $0.id < $1.id }
  }

  /// Executions that are not ready, and how many there are: ``ExecutionStatus/isReady``, without making the status of each secret.
  func readiness() async -> (unready: [String], executions: Int) {
    var unready = awaited.filter { managed[$0] == nil }
    let isDelivered = { (entry: ManagedExecution) in entry.generation > 0 && entry.deliveryProblem == nil }
    unready.formUnion(managed.values.lazy.filter { !isDelivered($0) }.map(\.id))
    let delivered = managed.values.filter(isDelivered).map(\.id)
    let freshness = freshness
    // In slices, since there may be thousands.
    for start in stride(from: 0, to: delivered.count, by: Self.slice) {
      let ids = delivered[start..<min(start + Self.slice, delivered.count)]
      unready.formUnion(scheduler.owners(ids) { freshness.isFresh($0) })
      await Task.yield()
    }
    return (unready.sorted(), managed.count + awaited.count { managed[$0] == nil })
  }

  /// Executions whose outputs are being written.
  var deliveries: [String] { managed.values.filter { $0.delivering != nil }.map(\.id).sorted() }

  /// How the sources stand.
  var sources: SourceListings { listings }

  /// Why outputs that nobody wants are still there, by id.
  var unremoved: [String: String] { folders.unremoved.filter { managed[$0.key] == nil } }

  /// Whether all sources were heard and every execution was tried.
  func firstPassIsDone() -> Bool {
    guard listings.hasHeardAll, awaited.isEmpty else {
      return false
    }
    for entry in managed.values where entry.generation == 0 && entry.problems.isEmpty {
      guard scheduler.states(of: entry.id).values.contains(where: { $0.failuresInARow > 0 }) else {
        return false
      }
    }
    return true
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

  /// Whether the execution's folder is another's for now.
  func isWaiting(_ id: String) -> Bool { managed[id]?.wantedFolder != nil }

  /// Why the newest document of an execution is not in force.
  func documentProblem(of id: String) -> String? { managed[id]?.documentProblem }

  /// Files that executions name.
  var servedFiles: Set<Reference> { Set(managed.values.flatMap { $0.accepted?.servedFiles ?? [] }) }

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
    return plan.items.first { $0.entry.name == secret }.map { [$0.entry.reference] }
  }
}
