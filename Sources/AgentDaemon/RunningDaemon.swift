import CLinux
import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import Masking
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes

/// A daemon at work, made whole at its start: sources, supervisor, scheduler, local API.
@DaemonActor
final class RunningDaemon {
  let loop: EventLoop
  let log: Logger
  private let registry: ProviderRegistry
  let version: String
  private let server: LocalServer
  private let notifier = ServiceNotifier()
  let local = LocalSource()
  let supervisor: ExecutionSupervisor
  let valueListeners: ValueListeners?
  let volumes: PodVolumes
  private let workloadTokens: WorkloadTokens
  let scheduler: RefreshScheduler
  let worker: WorkerThread
  private let changes: AsyncStream<Set<String>>
  private let watch: ServedFileWatch?
  /// What listeners, the lock and the cache were made by.
  private let started: AgentConfiguration
  private(set) var settings: Daemon.Settings
  private(set) var pool: ProviderPool
  private(set) var sources: [any ExecutionSource] = []
  private var sourceTasks: [Task<Void, Never>] = []
  private var chores: [Task<Void, Never>] = []
  private let readSettings: @Sendable () throws(DocumentFaults) -> Daemon.Settings
  private var lastReload: Task<[DocumentFault], Never>?
  private var isStopping = false

  /// - Parameter cache: `nil`: nothing is kept for a start without a network.
  init(_ daemon: Daemon, cache: GenerationCache?) throws(DaemonFault) {
    let (loop, log) = (daemon.loop, daemon.log)
    let configuration = daemon.settings.configuration
    let records: ExecutionRecords
    do throws(ExecutionRecords.Fault) {
      records = try ExecutionRecords(stateFolder: configuration.stateFolder)
    } catch {
      throw DaemonFault("the state folder cannot be used: \(error)", .init(of: error.code))
    }
    do throws(EventLoopFault) {
      worker = try WorkerThread()
    } catch {
      throw DaemonFault("no worker beside the loop: \(error)", .isTaken)
    }
    let tokens = WorkloadTokens()
    let pool = Self.pool(daemon.settings, daemon.registry, loop, log, tokens, daemon.hidden)
    let (changes, inbox) = AsyncStream<Set<String>>.makeStream()
    let scheduler = RefreshScheduler(
      pool: pool, time: loop, nodeID: configuration.nodeID, log: log, executor: loop
    ) { inbox.yield($0) }
    self.loop = loop
    self.log = log
    self.registry = daemon.registry
    self.version = daemon.version
    self.settings = daemon.settings
    started = configuration
    readSettings = daemon.reloadSettings
    self.pool = pool
    self.changes = changes
    self.scheduler = scheduler
    server = LocalServer(loop: loop, log: log)
    let delivered = configuration.givesValues ? DeliveredGenerations(time: loop, executor: loop) : nil
    let supervisor = ExecutionSupervisor(
      catalog: daemon.registry.catalog, scheduler: scheduler, configuration: configuration,
      policy: daemon.settings.policy, records: records, time: loop, log: log, executor: loop,
      worker: worker, cache: cache, delivered: delivered, hidden: daemon.hidden,
      sources: SourceAssembly(configuration).names,
      notifier: ChangeNotifier(loop: loop).send)
    self.supervisor = supervisor
    workloadTokens = tokens
    let volumes = PodVolumes(
      catalog: daemon.registry.catalog, scheduler: scheduler, tokens: tokens, time: loop, executor: loop,
      worker: worker,
      log: log, hidden: daemon.hidden
    ) { (supervisor.configuration.nodeID, supervisor.policy) }
    self.volumes = volumes
    valueListeners = delivered.map { [worker] in
      ValueListeners($0, volumes, supervisor, configuration, loop: loop, log: log, worker: worker)
    }
    watch = ServedFileWatch(loop: loop) { [loop] reference in
      Task(executorPreference: loop) { await scheduler.noteChange(of: reference) }
    }
  }

  private static func pool(
    _ settings: Daemon.Settings, _ registry: ProviderRegistry, _ loop: EventLoop, _ log: Logger,
    _ tokens: WorkloadTokens, _ hidden: LiveValues
  ) -> ProviderPool {
    var limits = RequestLimits()
    limits.connect = settings.configuration.limits.connect
    limits.attempt = settings.configuration.limits.attempt
    limits.inFlight = settings.configuration.limits.inFlight
    let services = ProviderServices(
      transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: loop,
      environment: NodeEnvironment(policy: settings.policy), policy: settings.policy, limits: limits, log: log,
      executor: loop, workloadTokens: tokens, hidden: hidden)
    return ProviderPool(registry: registry, services: services)
  }

  // MARK: - Life

  func start() async throws(DaemonFault) {
    try listen()
    await startSources()
    startChores()
    log.notice("started", metadata: ["version": "\(version)", "node": "\(settings.configuration.nodeID)"])
  }

  private func listen() throws(DaemonFault) {
    let api = AgentAPI(daemon: self)
    let configuration = settings.configuration.api
    do throws(LocalServerFault) {
      try server.listen(
        unix: configuration.socket, mode: configuration.mode, group: configuration.group,
        readers: PeerRule(users: configuration.allowedUsers, groups: configuration.allowedGroups),
        operators: PeerRule(users: configuration.operatorUsers, groups: configuration.operatorGroups),
        workloads: Set(configuration.workloadUsers.values)
      ) { await api.answer($0) }
      if let metrics = configuration.metrics {
        try server.listen(tcp: metrics.host, port: metrics.port) { await api.answerScraper($0) }
      }
      try valueListeners?.listen()
    } catch {
      throw DaemonFault("\(error)", error.kind)
    }
  }

  func stop() async {
    isStopping = true
    _ = await lastReload?.value
    notifier?.stopping()
    for task in sourceTasks + chores {
      task.cancel()
    }
    await server.close()
    await valueListeners?.close()
    scheduler.stop()
    let reason: CloseReason = settings.configuration.stop.revokesLeases ? .ended : .handedOver
    let (pool, supervisor) = (pool, supervisor)
    // systemd's patience, and an operator's: what a dead store does not answer by then runs out by itself, and what is being written is
    // as whole as after a crash.
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await supervisor.stopAll()
        await pool.closeAll(reason)
      }
      group.addTask { [loop] in try? await loop.sleep(for: .seconds(4)) }
      await group.next()
      group.cancelAll()
    }
    log.notice("stopped")
  }

  /// Reads configuration and policy anew, when reloads that were asked for before are over. A faulty file changes nothing. Listeners,
  /// the state folder and the cache stay as they were at the start.
  ///
  /// - Returns: every fault; none but warnings where the new settings hold, one for each that waits for a restart.
  func reload() async -> [DocumentFault] {
    guard !isStopping else {
      return [DocumentFault("", "the daemon is about to end; it reads its configuration when it is started")]
    }
    let before = lastReload
    let reload = Task(executorPreference: loop) {
      _ = await before?.value
      return await self.readAnew()
    }
    lastReload = reload
    return await reload.value
  }

  private func readAnew() async -> [DocumentFault] {
    notifier?.reloading()
    defer { notifier?.ready() }
    do throws(DocumentFaults) {
      settings = try readSettings()
    } catch {
      for fault in error.faults {
        log.error("configuration refused", metadata: ["reason": "\(fault.line)"])
      }
      return error.faults
    }
    for task in sourceTasks {
      task.cancel()
    }
    pool = Self.pool(settings, registry, loop, log, workloadTokens, pool.hidden)
    await scheduler.handOver(to: pool)
    let old = scheduler.replace(pool: pool)
    await supervisor.reload(
      settings.configuration, settings.policy, sources: SourceAssembly(settings.configuration).names)
    await volumes.reload()
    await startSources()
    let waiting = RestartSettings(started).differences(in: settings.configuration)
    for setting in waiting {
      log.warning("setting waits for a restart", metadata: ["setting": "\(setting.path)"])
    }
    log.notice("configuration reloaded")
    // What is under way ends by itself; leases are in use.
    await old.closeAll(.handedOver)
    return waiting
  }

  private func startSources() async {
    sources = SourceAssembly(settings.configuration).sources(loop: loop, worker: worker, log: log) {
      [supervisor] name in
      // What was delivered in an earlier life and is listed no more leaves by the same rule as everything else.
      supervisor.expected(of: name)
    }
    sourceTasks = sources.map { source in
      Task(executorPreference: loop) {
        await source.run { report in
          await self.take(report)
        }
      }
    }
    await take(SourceReport(source: LocalSource.name, listed: [:]))
  }

  func take(_ report: SourceReport) async {
    await supervisor.note(report)
    followFiles()
  }

  /// Files that executions name are watched as long as they name them.
  private func followFiles() {
    watch?.follow(supervisor.overview.servedFiles, NodeFiles(policy: settings.policy))
  }

  // MARK: - Chores

  private func startChores() {
    chores = [
      Task(executorPreference: loop) { [changes, supervisor, volumes] in
        for await owners in changes {
          await supervisor.valuesChanged(owners)
          await volumes.valuesChanged(owners)
        }
      },
      Task(executorPreference: loop) { await self.awaitFirstPass() },
      Task(executorPreference: loop) { [loop] in
        while (try? await loop.sleep(for: ExecutionSupervisor.auditInterval)) != nil {
          await self.audit()
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

  private func audit() async {
    await supervisor.audit()
    await volumes.audit()
    followFiles()
    await tellStatus()
    // A burst of deliveries leaves free pages behind, and this process idles for months.
    await worker.run { linux_release_free_memory(48 << 20) }
  }

  /// READY is told when all sources were heard and every execution was tried, at the latest after half a minute.
  private func awaitFirstPass() async {
    let latest = loop.now.advanced(by: .seconds(30))
    while loop.now < latest, !supervisor.overview.firstPassIsDone() {
      guard (try? await loop.sleep(for: .milliseconds(100))) != nil else {
        return
      }
    }
    notifier?.ready()
    await tellStatus()
    log.notice("ready")
  }

  private func tellStatus() async {
    guard let notifier else {
      return
    }
    let (unready, executions) = await supervisor.overview.readiness()
    notifier.status("\(executions - unready.count) of \(executions) executions ready")
  }

  func logState() async {
    for execution in await supervisor.overview.status() {
      var fields: Logger.Metadata = [
        "execution": "\(execution.id)", "state": "\(execution.state.rawValue)",
        "generation": .stringConvertible(execution.generation),
        "secrets": .stringConvertible(execution.secrets.count),
        "problems": "\(execution.problems.joined(separator: " | "))",
      ]
      // As `status` counts them.
      let counts = [execution].standings
      for standing in ExecutionStatus.Secret.Standing.allCases {
        fields[standing.rawValue] = .stringConvertible(counts[standing, default: 0])
      }
      log.notice("state", metadata: fields)
    }
  }
}
