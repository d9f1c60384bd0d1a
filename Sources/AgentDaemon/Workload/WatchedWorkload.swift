import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Logging
import Masking
import Processes
import ProviderKit
import Refresh
import Resolution

/// A command that runs with an execution's secrets in its environment and is restarted gracefully when one of them changes.
public struct WatchedWorkload: Sendable {
  /// How the command is stopped for a restart.
  public struct Restart: Sendable {
    public var signal = SIGTERM
    /// How long it may take to end before it is killed.
    public var grace = Duration.seconds(10)
    /// How long changes are gathered, so that one rotation of many secrets is one restart.
    public var settling = Duration.seconds(1)

    public init() {}
  }

  public enum Ending: Sendable {
    case ended(ChildStatus)
    /// The first generation could not be made.
    case unresolved(GenerationFailure)
    /// A value cannot go into an environment.
    case undeliverable(DeliveryFaults)
    case notStarted(SpawnFault)
    case signalsUnavailable(EventLoopFault)
  }

  private enum Event: Sendable {
    case signal(SignalSequence.Received)
    case ended(ChildStatus)
    case changed
    case settled
    case graceOver(Int)
    case timeUp
  }

  private let command: [String]
  private let environment: ProcessEnvironment
  private let plan: ExecutionPlan
  private let pool: ProviderPool
  private let loop: EventLoop
  private let log: Logger
  private let restart: Restart
  private let isMasked: Bool
  private let offline: OfflineValues?

  /// - Parameters:
  ///   - environment: what the command gets beside the secrets.
  ///   - isMasked: whether values are masked in what the command writes.
  ///   - offline: what the command begins with where a store cannot be asked; `nil`: nothing.
  public init(
    command: [String], environment: ProcessEnvironment, plan: ExecutionPlan,
    pool: ProviderPool, loop: EventLoop, log: Logger, restart: Restart, isMasked: Bool = false,
    offline: OfflineValues? = nil
  ) {
    self.command = command
    self.environment = environment
    self.plan = plan
    self.pool = pool
    self.loop = loop
    self.log = log
    self.restart = restart
    self.isMasked = isMasked
    self.offline = offline
  }

  /// Runs until the command ends by itself or by a signal that was passed on to it.
  ///
  /// - Parameter limit: for the first generation.
  public func run(firstWithin limit: Duration) async -> Ending {
    let signals: SignalSequence
    do throws(EventLoopFault) {
      signals = try loop.signals(ChildProcess.passedOn)
    } catch {
      return .signalsUnavailable(error)
    }
    let (events, inbox) = AsyncStream.makeStream(of: Event.self)
    let scheduler = await RefreshScheduler(
      pool: pool, time: loop, nodeID: AgentConfiguration.hostName, log: log, executor: loop
    ) { _ in inbox.yield(.changed) }
    let listener = Task(executorPreference: loop) {
      for await signal in signals {
        inbox.yield(.signal(signal))
      }
    }
    let kept = offline?.kept() ?? GenerationCache.Restored()
    let alarm = after(offline?.limit(limit, with: kept) ?? limit, .timeUp, inbox)
    defer {
      listener.cancel()
      alarm.cancel()
      signals.cancel()
    }
    await scheduler.subscribe("exec", plan.subscriptions)
    inbox.yield(.changed)
    let ending = await follow(events, inbox, scheduler, kept)
    await scheduler.stop()
    return ending
  }

  private func after(
    _ span: Duration, _ event: Event, _ inbox: AsyncStream<Event>.Continuation
  ) -> Task<Void, Never> {
    Task(executorPreference: loop) { [loop] in
      if (try? await loop.sleep(for: span)) != nil {
        inbox.yield(event)
      }
    }
  }

  // MARK: - The child

  /// The running command and what is to become of it.
  private struct Running {
    /// What it may begin with.
    let kept: GenerationCache.Restored
    var child: ChildProcess?
    var values: [DeliveredSecret] = []
    /// Set while it is being stopped to be started with these.
    var next: [DeliveredSecret]?
    var isSettling = false
    var starts = 0
    /// A signal that asks it to end was passed on: it is not started again.
    var isEnding = false
  }

  private func follow(
    _ events: AsyncStream<Event>, _ inbox: AsyncStream<Event>.Continuation, _ scheduler: RefreshScheduler,
    _ kept: GenerationCache.Restored
  ) async -> Ending {
    var running = Running(kept: kept)
    for await event in events {
      let ending: Ending?
      switch event {
      case .changed:
        if running.starts == 0 {
          ending = await begin(&running, scheduler, inbox, isLast: false)
        } else {
          if !running.isSettling {
            running.isSettling = true
            _ = after(restart.settling, .settled, inbox)
          }
          ending = nil
        }
      case .timeUp:
        ending = running.starts == 0 ? await begin(&running, scheduler, inbox, isLast: true) : nil
      case .settled:
        running.isSettling = false
        ending = await replace(&running, scheduler, inbox)
      case .graceOver(let start):
        if running.starts == start, running.next != nil {
          log.warning("command killed", metadata: ["reason": "it did not end within its grace period"])
          running.child?.signal(SIGKILL)
        }
        ending = nil
      case .signal(let signal):
        ending = pass(signal, &running)
      case .ended(let status):
        if let next = running.next, !running.isEnding {
          ending = start(next, &running, inbox)
        } else {
          ending = .ended(status)
        }
      }
      if let ending {
        return ending
      }
    }
    return .ended(.unknown)
  }

  /// Starts the command once every value is there; fails when one cannot be had, at the latest when `isLast`.
  private func begin(
    _ running: inout Running, _ scheduler: RefreshScheduler, _ inbox: AsyncStream<Event>.Continuation, isLast: Bool
  ) async -> Ending? {
    let states = await scheduler.states(of: "exec")
    let isComplete = plan.items.allSatisfy { states[$0.entry.reference]?.result != nil }
    guard isComplete || isLast else {
      return nil
    }
    switch assemble(states, first: running.kept) {
    case .success(let values): return start(values, &running, inbox)
    // What may pass by itself is waited for until time is up.
    case .failure(let failure):
      let mayPass = failure.failures.allSatisfy(\.failure.isRetriable)
      return isLast || !mayPass ? .unresolved(failure) : nil
    }
  }

  /// - Parameter kept: what may take the place of what cannot be had, while there is nothing that goes on otherwise.
  private func assemble(
    _ states: [Reference: ReferenceState], first kept: GenerationCache.Restored? = nil
  ) -> Result<[DeliveredSecret], GenerationFailure> {
    var results = states.compactMapValues(\.result)
    for item in plan.items where results[item.entry.reference] == nil {
      results[item.entry.reference] = .failure(
        ProviderFailure(
          .transient, connection: plan.groups[item.group].connection.name, "gave up: the time limit was reached"))
    }
    if let offline, let kept {
      results = offline.filling(results, with: kept)
    }
    do throws(GenerationFailure) {
      let generation = try GenerationAssembly.assemble(plan, atMost: pool.policy.bounds.executionBytes) {
        results[$0.entry.reference]
          ?? .failure(ProviderFailure(.transient, connection: "", "not fetched"))
      }
      offline?.keep(states)
      return .success(generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) })
    } catch {
      return .failure(error)
    }
  }

  private func start(
    _ values: [DeliveredSecret], _ running: inout Running, _ inbox: AsyncStream<Event>.Continuation
  ) -> Ending? {
    var full = environment
    do throws(DeliveryFaults) {
      try full.add(values)
    } catch {
      return .undeliverable(error)
    }
    do throws(SpawnFault) {
      let (child, output) = try start(full, values)
      Task(executorPreference: loop) { [log] in
        let status = await child.ended()
        guard let loss = await output?.finish() else {
          inbox.yield(.ended(status))
          return
        }
        log.error("output lost", metadata: ["reason": "\(loss)"])
        inbox.yield(.ended(loss.status(of: status)))
      }
      running.child = child
    } catch {
      return .notStarted(error)
    }
    running.values = values
    running.next = nil
    running.starts += 1
    return nil
  }

  private func start(
    _ environment: ProcessEnvironment, _ values: [DeliveredSecret]
  ) throws(SpawnFault) -> (ChildProcess, MaskedOutput?) {
    guard isMasked else {
      return (try ChildProcess.start(command, environment: environment, on: loop), nil)
    }
    return try MaskedOutput.start(
      command, environment: environment, hiding: MaskedValues(values.map(\.value)), on: loop)
  }

  /// Begins a restart where the values differ from those that the command has.
  private func replace(
    _ running: inout Running, _ scheduler: RefreshScheduler, _ inbox: AsyncStream<Event>.Continuation
  ) async -> Ending? {
    guard !running.isEnding, case .success(let values) = assemble(await scheduler.states(of: "exec")) else {
      // The command keeps what it has.
      return nil
    }
    guard values != running.values else {
      running.next = nil
      return nil
    }
    let isUnderWay = running.next != nil
    running.next = values
    if !isUnderWay {
      log.notice("restarting the command", metadata: ["reason": "a secret changed"])
      running.child?.signal(restart.signal)
      _ = after(restart.grace, .graceOver(running.starts), inbox)
    }
    return nil
  }

  private func pass(_ signal: SignalSequence.Received, _ running: inout Running) -> Ending? {
    let asksToEnd = [SIGINT, SIGTERM, SIGQUIT, SIGHUP].contains(signal.number)
    running.isEnding = running.isEnding || asksToEnd
    if asksToEnd, running.starts == 0 {
      return .ended(.signalled(signal.number))
    }
    running.child?.pass(signal)
    return nil
  }
}
