import EventLoop
import ExecutionModel
import Glibc
import Logging
import Masking
import NodePolicy
import Resolution
import SealedCache

/// The daemon: follows the sources of executions, keeps their secrets fresh, delivers generations, answers the local API, until it is
/// told to stop.
public struct Daemon: Sendable {
  /// Where its configuration comes from, read at the start and at every SIGHUP.
  public struct Settings: Sendable {
    public let configuration: AgentConfiguration
    public let policy: NodePolicy

    public init(configuration: AgentConfiguration, policy: NodePolicy) {
      self.configuration = configuration
      self.policy = policy
    }
  }

  let settings: Settings
  let registry: ProviderRegistry
  let loop: EventLoop
  let log: Logger
  let version: String
  let hidden: LiveValues
  let reloadSettings: @Sendable () throws(DocumentFaults) -> Settings

  /// - Parameters:
  ///   - hidden: told which values are in use, so that the log hides them.
  ///   - reload: reads the settings anew for SIGHUP; it throws every fault, and then the present ones stay.
  public init(
    settings: Settings, registry: ProviderRegistry, loop: EventLoop, log: Logger, version: String,
    hidden: LiveValues,
    reload: @escaping @Sendable () throws(DocumentFaults) -> Settings
  ) {
    self.settings = settings
    self.registry = registry
    self.loop = loop
    self.log = log
    self.version = version
    self.hidden = hidden
    self.reloadSettings = reload
  }

  /// Runs until SIGTERM or SIGINT.
  ///
  /// - Throws: one line where the daemon cannot start: another instance, a socket that cannot be bound, a state folder that cannot be
  ///   written.
  public func run() async throws(DaemonFault) {
    try ServiceFolders.make(settings.configuration)
    ServiceFolders.makeDocuments(settings.configuration, log)
    let lock = try Self.lock(settings.configuration.stateFolder)
    let signals = try watchedSignals()
    let running = try await RunningDaemon(self, cache: try await cache())
    try await running.start()
    for await signal in signals {
      switch signal.number {
      case SIGHUP: _ = await running.reload()
      case SIGUSR1: await running.logState()
      default:
        signals.cancel()
        log.notice("stopping", metadata: ["signal": .stringConvertible(signal.number)])
      }
    }
    await running.stop()
    _ = consume lock
  }

  private func cache() async throws(DaemonFault) -> GenerationCache? {
    do throws(CacheFault) {
      return try await GenerationCache.open(settings.configuration, on: loop, log: log, hiding: hidden)
    } catch {
      let kind = error.systemError.map { DaemonFault.Kind(of: $0) } ?? (error.mayPass ? .isTaken : .isConfiguration)
      throw DaemonFault(GenerationCache.unusable(error), kind)
    }
  }

  private static func lock(_ folder: String) throws(DaemonFault) -> StateFolderLock {
    do throws(StateFolderFault) {
      return try StateFolderLock(folder: folder)
    } catch {
      throw DaemonFault("\(error)", error.kind)
    }
  }

  private func watchedSignals() throws(DaemonFault) -> SignalSequence {
    do throws(EventLoopFault) {
      return try loop.signals([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
    } catch {
      throw DaemonFault("signals cannot be watched: \(error)", .isTaken)
    }
  }
}
