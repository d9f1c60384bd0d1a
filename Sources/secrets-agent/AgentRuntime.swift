import ArgumentParser
import CLinux
import CWipingAllocator
import EventLoop
import Glibc
import HTTPTransport
import Logging
import NodePolicy
import ProviderKit
import Resolution

/// What a command that talks to providers runs on: one event loop on the main thread, and the connections over it.
struct AgentRuntime: Sendable {
  let loop: EventLoop
  let pool: ProviderPool
  let resolver: Resolver
  let log: Logger
  let faults: FaultPrinter
  /// What the policy's credential rules decided.
  let decisions: CredentialDecisions

  /// Runs `body` on a new loop and leaves with the status that it returns; `nil` is success.
  static func run(
    _ options: LogOptions, policy: NodePolicy, limits: RequestLimits,
    _ body: @escaping @Sendable (AgentRuntime) async -> ExitStatus?
  ) throws {
    let status = try onLoop(options, policy: policy, limits: limits) { runtime in await body(runtime) }
    if let status {
      throw status.code
    }
  }

  /// Runs `body` on a new loop and returns what it returns.
  static func onLoop<Outcome: Sendable>(
    _ options: LogOptions, policy: NodePolicy, limits: RequestLimits,
    _ body: @escaping @Sendable (AgentRuntime) async -> Outcome
  ) throws -> Outcome {
    let log = options.logger
    ProcessHygiene.apply(log)
    let loop: EventLoop
    do throws(EventLoopFault) {
      loop = try EventLoop()
    } catch {
      options.faults.error("the event loop cannot start: \(error)")
      throw ExitStatus.invalidConfiguration.code
    }
    let decisions = CredentialDecisions()
    let services = ProviderServices(
      transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: loop,
      environment: NodeEnvironment(policy: policy), policy: policy, limits: limits, log: log, executor: loop,
      decisions: decisions, hidden: StandardError.hidden)
    let pool = ProviderPool(registry: registry, services: services, keepsKnown: true)
    let runtime = AgentRuntime(
      loop: loop, pool: pool, resolver: Resolver(pool: pool, time: loop), log: log,
      faults: options.faults, decisions: decisions)
    return loop.run { await body(runtime) }
  }
}

/// Standard input, output and error.
enum StandardDescriptors {
  /// Fills the places that the starter left closed: else the next file or socket would have such a number, and receive what is
  /// printed, values among it. What is opened fails every read or write, as the closed one would.
  static func occupy() {
    for (descriptor, flags) in [(0, O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)] as [(Int32, Int32)] {
      if fcntl(descriptor, F_GETFD) == -1 {
        _ = open("/dev/null", flags)
      }
    }
    linux_note_inherited_descriptors()
  }
}

/// Keeps values inside the process.
enum ProcessHygiene {
  /// No core dumps and no ptrace by others; a reader that goes away is an error of write(2), not the process's end.
  static func apply(_ log: Logger) {
    if linux_forbid_dumps() != 0 {
      log.warning("core dumps stay possible", metadata: ["reason": "\(String(cString: strerror(errno)))"])
    }
    if wiping_allocator_active() == 0 {
      // Under a preloaded allocator, as a debugger's or a profiler's.
      log.warning("freed memory is not overwritten", metadata: ["reason": "another allocator is in use"])
    }
    signal(SIGPIPE, SIG_IGN)
  }
}
