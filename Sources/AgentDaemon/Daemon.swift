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
  let registry: ProviderRegistry
  let version: String
  private let reloadSettings: @Sendable () throws(DocumentFaults) -> Settings
  private let server: LocalServer
  let notifier = ServiceNotifier()
  let local = LocalSource()
  var settings: Settings
  var pool: ProviderPool
  var supervisor: ExecutionSupervisor?
  var scheduler: RefreshScheduler?
  private var watch: ServedFileWatch?
  private var sources: [any ExecutionSource] = []
  private var sourceTasks: [Task<Void, Never>] = []
  var chores: [Task<Void, Never>] = []

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

  static func pool(
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
      catalog: registry.catalog, configuration: configuration, policy: settings.policy, records: records, time: loop, log: log,
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
  func followFiles() async {
    let references = await supervisor?.references(of: nil, secret: nil) ?? []
    watch?.follow(Set(references.filter { $0.lookup.servedFile != nil }))
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
}

/// Why the daemon cannot start, in one line.
public struct DaemonFault: Error, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
