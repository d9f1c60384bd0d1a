import EventLoop
import ExecutionModel
import Glibc
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes

/// The daemon: follows the sources of executions, keeps their secrets fresh, delivers generations, answers the local API, until it is
/// told to stop.
public actor Daemon {
  /// Where its configuration comes from, read at the start and at every SIGHUP.
  public struct Settings: Sendable {
    public let configuration: AgentConfiguration
    public let policy: NodePolicy

    public init(configuration: AgentConfiguration, policy: NodePolicy) {
      self.configuration = configuration
      self.policy = policy
    }
  }

  let loop: EventLoop
  let log: Logger
  private let registry: ProviderRegistry
  private let version: String
  private let reloadSettings: @Sendable () throws(DocumentFaults) -> Settings
  private let server: LocalServer
  private let notifier = ServiceNotifier()
  private let local = LocalSource()
  private var settings: Settings
  private var pool: ProviderPool
  private var supervisor: ExecutionSupervisor?
  private var scheduler: RefreshScheduler?
  private var watch: ServedFileWatch?
  private var sources: [any ExecutionSource] = []
  private var sourceTasks: [Task<Void, Never>] = []
  private var chores: [Task<Void, Never>] = []
  /// Whether the first pass is done: all sources were heard, and every execution was tried.
  private(set) var isStarted = false

  /// - Parameter reload: reads the settings anew for SIGHUP; it throws every fault, and then the present ones stay.
  public init(
    settings: Settings, registry: ProviderRegistry, loop: EventLoop, log: Logger, version: String,
    reload: @escaping @Sendable () throws(DocumentFaults) -> Settings
  ) {
    self.settings = settings
    self.registry = registry
    self.loop = loop
    self.log = log
    self.version = version
    self.reloadSettings = reload
    self.server = LocalServer(loop: loop, log: log)
    self.pool = Self.pool(settings, registry, loop, log)
  }

  private static func pool(
    _ settings: Settings, _ registry: ProviderRegistry, _ loop: EventLoop, _ log: Logger
  ) -> ProviderPool {
    var limits = RequestLimits()
    limits.connect = settings.configuration.limits.connect
    limits.attempt = settings.configuration.limits.attempt
    limits.inFlight = settings.configuration.limits.inFlight
    let services = ProviderServices(
      transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: loop,
      environment: NodeEnvironment(policy: settings.policy), policy: settings.policy, limits: limits, log: log,
      executor: loop)
    return ProviderPool(registry: registry, services: services)
  }

  // MARK: - Life

  /// Runs until SIGTERM or SIGINT.
  ///
  /// - Throws: one line where the daemon cannot start: another instance, a socket that cannot be bound, a state folder that cannot be
  ///   written.
  public func run() async throws(DaemonFault) {
    let lock = try Self.lock(settings.configuration.stateFolder)
    let signals = try watchedSignals()
    try await start()
    for await signal in signals {
      switch signal.number {
      case SIGHUP: await reload()
      case SIGUSR1: await logState()
      default:
        signals.cancel()
        log.notice("stopping", metadata: ["signal": "\(signal.number)"])
      }
    }
    await stop()
    _ = consume lock
  }

  private static func lock(_ folder: String) throws(DaemonFault) -> StateFolderLock {
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw DaemonFault("\(folder): \(String(cString: strerror(errno))); make the folder above it, or set state_folder")
    }
    do throws(StateFolderFault) {
      return try StateFolderLock(folder: folder)
    } catch {
      throw DaemonFault("\(error)")
    }
  }

  private func watchedSignals() throws(DaemonFault) -> SignalSequence {
    do throws(EventLoopFault) {
      return try loop.signals([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    } catch {
      throw DaemonFault("signals cannot be watched: \(error)")
    }
  }

  private func start() async throws(DaemonFault) {
    let configuration = settings.configuration
    let records: ExecutionRecords
    do throws(ExecutionRecords.Fault) {
      records = try ExecutionRecords(stateFolder: configuration.stateFolder)
    } catch {
      throw DaemonFault("the state folder cannot be used: \(error)")
    }
    let notices = ChangeNotifier(loop: loop)
    let supervisor = ExecutionSupervisor(
      registry: registry, configuration: configuration, policy: settings.policy, records: records, time: loop, log: log,
      executor: loop, sources: Self.sourceNames(configuration), notifier: notices.send)
    let scheduler = RefreshScheduler(
      pool: pool, time: loop, nodeID: configuration.nodeID, log: log, executor: loop
    ) { owners in
      await supervisor.valuesChanged(owners)
    }
    await supervisor.attach(scheduler)
    self.supervisor = supervisor
    self.scheduler = scheduler
    watch = ServedFileWatch(loop: loop) { [loop] reference in
      Task(executorPreference: loop) { await scheduler.noteChange(of: reference) }
    }
    try listen()
    await startSources()
    startChores()
    log.notice("started", metadata: ["version": "\(version)", "node": "\(configuration.nodeID)"])
  }

  private func listen() throws(DaemonFault) {
    let api = AgentAPI(daemon: self)
    let configuration = settings.configuration.api
    do throws(LocalServerFault) {
      try server.listen(
        unix: configuration.socket, mode: configuration.mode, group: configuration.group,
        allowedUsers: configuration.allowedUsers, allowedGroups: configuration.allowedGroups
      ) { await api.answer($0) }
      if let metrics = configuration.metrics {
        _ = try server.listen(tcp: metrics.host, port: metrics.port) { await api.answerScraper($0) }
      }
    } catch {
      throw DaemonFault("\(error)")
    }
  }

  private func stop() async {
    notifier?.stopping()
    for task in sourceTasks + chores {
      task.cancel()
    }
    await server.close()
    await scheduler?.stop()
    await supervisor?.stopAll()
    let reason: CloseReason = settings.configuration.stop.revokesLeases ? .ended : .handedOver
    let pool = pool
    // systemd's patience, and an operator's: what a dead store does not answer by then runs out by itself.
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await pool.closeAll(reason) }
      group.addTask { [loop] in try? await loop.sleep(for: .seconds(4)) }
      await group.next()
      group.cancelAll()
    }
    log.notice("stopped")
  }

  // MARK: - Sources

  private static func sourceNames(_ configuration: AgentConfiguration) -> [String] {
    [LocalSource.name] + makeSourceNames(configuration)
  }

  private func startSources() async {
    sources = await makeSources(settings, loop: loop, log: log, supervisor: supervisor)
    guard let supervisor else {
      return
    }
    sourceTasks = sources.map { source in
      Task(executorPreference: loop) {
        await source.run { report in
          await supervisor.note(report)
          await self.followFiles()
        }
      }
    }
    await supervisor.note(SourceReport(source: LocalSource.name, listed: [:]))
  }

  /// Files that executions name are watched as long as they name them.
  private func followFiles() async {
    let references = await supervisor?.references(of: nil, secret: nil) ?? []
    watch?.follow(Set(references.filter { $0.connection.type == "file" }))
  }

  // MARK: - Chores

  private func startChores() {
    chores = [
      Task(executorPreference: loop) { await self.awaitFirstPass() },
      Task(executorPreference: loop) { [loop] in
        while (try? await loop.sleep(for: ExecutionSupervisor.auditInterval)) != nil {
          await self.supervisor?.audit()
          await self.followFiles()
          await self.tellStatus()
        }
      },
    ]
    if let notifier, let interval = notifier.watchdogInterval {
      chores.append(
        Task(executorPreference: loop) { [loop] in
          // The loop itself is what the watchdog watches: it runs this only while it turns.
          repeat {
            notifier.watchdog()
          } while (try? await loop.sleep(for: interval)) != nil
        })
    }
  }

  /// READY is told when all sources were heard and every execution was tried, at the latest after half a minute.
  private func awaitFirstPass() async {
    let latest = loop.now.advanced(by: .seconds(30))
    while loop.now < latest {
      if await supervisor?.firstPassIsDone() == true {
        break
      }
      guard (try? await loop.sleep(for: .milliseconds(100))) != nil else {
        return
      }
    }
    isStarted = true
    notifier?.ready()
    await tellStatus()
    log.notice("ready")
  }

  private func tellStatus() async {
    guard let notifier else {
      return
    }
    let status = await status()
    let ready = status.executions.count(where: \.isReady)
    notifier.status("\(ready) of \(status.executions.count) executions ready")
  }

  private func logState() async {
    for execution in await status().executions {
      log.notice(
        "state",
        metadata: [
          "execution": "\(execution.id)", "state": "\(execution.state.rawValue)",
          "generation": "\(execution.generation)",
          "stale": "\(execution.secrets.count { $0.source != .live }) of \(execution.secrets.count)",
          "problems": "\(execution.problems.joined(separator: " | "))",
        ])
    }
  }

  /// Reads configuration and policy anew. A faulty file changes nothing. Listeners and the state folder stay as they were at the start.
  private func reload() async {
    notifier?.reloading()
    defer { notifier?.ready() }
    let settings: Settings
    do throws(DocumentFaults) {
      settings = try reloadSettings()
    } catch {
      for fault in error.faults {
        log.error("configuration refused", metadata: ["reason": "\(fault.line)"])
      }
      return
    }
    self.settings = settings
    for task in sourceTasks {
      task.cancel()
    }
    pool = Self.pool(settings, registry, loop, log)
    let old = await scheduler?.replace(pool: pool)
    await supervisor?.reload(
      settings.configuration, settings.policy, sources: Self.sourceNames(settings.configuration))
    await startSources()
    log.notice("configuration reloaded")
    // What is under way ends by itself; leases are in use.
    await old?.closeAll(.handedOver)
  }

  // MARK: - What the local API asks

  func status() async -> StatusDocument {
    StatusDocument(
      version: version, nodeID: settings.configuration.nodeID, executions: await supervisor?.status() ?? [],
      sourceFailures: await supervisor?.sourceFailures ?? [:], unreadable: await supervisor?.unreadable ?? [:],
      openBreakers: await scheduler?.openBreakers.map(\.name) ?? [])
  }

  func connectionCounts() async -> [ProviderPool.Label: ConnectionMetrics.Counts] {
    await pool.counts
  }

  /// `nil` where there is no such execution or secret.
  func refresh(_ execution: String?, _ secret: String?) async -> (started: Int, tooSoon: Int)? {
    guard let references = await supervisor?.references(of: execution, secret: secret) else {
      return nil
    }
    return await scheduler?.refresh(Array(Set(references)))
  }

  /// Takes a document by way of the local API; the faults, one a line, where it is refused.
  func put(_ id: String, _ item: ExecutionDocument.Item) async throws(DocumentFaults) -> String? {
    _ = try registry.catalog.validate(item)
    await supervisor?.note(await local.put(id, item))
    await followFiles()
    return await supervisor?.documentProblem(of: id)
  }

  /// `false` where nothing of this id was put.
  func delete(_ id: String) async -> Bool {
    if let report = await local.delete(id) {
      await supervisor?.note(report)
      await followFiles()
      return true
    }
    guard await supervisor?.unlisted(of: LocalSource.name).contains(id) == true else {
      return false
    }
    // It was put before the daemon was restarted.
    await supervisor?.forget(id)
    return true
  }
}

/// Why the daemon cannot start, in one line.
public struct DaemonFault: Error, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
