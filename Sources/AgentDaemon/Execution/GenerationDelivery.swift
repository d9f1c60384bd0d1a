import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Logging
import Refresh
import Resolution
import SealedCache
import SecretBytes

/// Makes generations of the values that are held, puts them where workloads read them, and seals them for a start without a network.
@DaemonActor
final class GenerationDelivery {
  /// How long values of one execution are gathered before they are delivered.
  static let settling = Duration.milliseconds(100)

  private let table: ExecutionTable
  private let scheduler: RefreshScheduler
  private let notices: ExecutionNotices
  private let sealing: GenerationSealing?
  private let delivered: DeliveredGenerations?
  private let time: any TimeSource
  private let log: Logger
  private let executor: (any TaskExecutor)?
  private let worker: WorkerThread?
  private lazy var ends = StaleEnds(table, scheduler: scheduler, time: time, executor: executor) { [weak self] id in
    self?.settle(id, after: .zero)
  }

  init(
    _ table: ExecutionTable, scheduler: RefreshScheduler, notices: ExecutionNotices, cache: GenerationCache?,
    delivered: DeliveredGenerations?, time: any TimeSource, log: Logger, executor: (any TaskExecutor)?,
    worker: WorkerThread?
  ) {
    self.table = table
    self.scheduler = scheduler
    self.notices = notices
    sealing = cache.map {
      GenerationSealing(table, scheduler: scheduler, cache: $0, time: time, log: log, worker: worker)
    }
    self.delivered = delivered
    self.time = time
    self.log = log
    self.executor = executor
    self.worker = worker
  }

  /// Delivers what is held of `id` once `pause` is over, for all that changes until then.
  func settle(_ id: String, after pause: Duration) {
    let due = time.now.advanced(by: pause)
    guard let entry = table.managed[id], !table.isStopping, entry.settled.map({ due < $0 }) ?? true else {
      return
    }
    // What failed is tried again in a minute; what changes does not wait for that.
    entry.settling?.cancel()
    table.managed[id]?.settled = due
    table.managed[id]?.settling = Task(executorPreference: executor) { [time] in
      if pause > .zero {
        guard (try? await time.sleep(for: pause)) != nil else {
          return
        }
      }
      await self.deliver(id)
    }
  }

  /// Notes how many values `id` begins with from the cache, for the log to tell when all of them are live again.
  func begin(_ id: String) {
    let count = scheduler.restoredCount(of: id)
    table.managed[id]?.fromCache = count > 0 ? (count, time.now) : nil
  }

  private func tellWhenLive(_ id: String) {
    guard let (count, since) = table.managed[id]?.fromCache, scheduler.restoredCount(of: id) == 0 else {
      return
    }
    table.managed[id]?.fromCache = nil
    log.notice(
      "values from the cache are live again",
      metadata: [
        "execution": "\(id)", "secrets": .stringConvertible(count),
        "after_seconds": .stringConvertible(since.duration(to: time.now)),
      ])
  }

  /// Delivers what is held of `id`, once every value was tried.
  func deliver(_ id: String) {
    table.managed[id]?.settling = nil
    table.managed[id]?.settled = nil
    guard let accepted = table.managed[id]?.accepted else {
      return
    }
    guard table.managed[id]?.delivering == nil else {
      table.managed[id]?.isOutdated = true
      return
    }
    guard !table.isStopping, scheduler.isTried(id) else {
      return
    }
    let states = scheduler.stateList(of: id)
    table.managed[id]?.delivering = Task(executorPreference: executor) {
      let generation = await self.generation(accepted, id, states)
      let isSealed = await self.sealing?.keep(id, accepted, states, isWhole: generation != nil)
      if let generation {
        await self.put(generation, id, accepted, states, isSealed: isSealed)
        await self.tellWhenLive(id)
      }
      await self.deliveryEnded(id, isSealed: isSealed ?? true)
    }
  }

  private func deliveryEnded(_ id: String, isSealed: Bool) {
    table.managed[id]?.delivering = nil
    ends.watch(id)
    if !isSealed, let failures = table.managed[id]?.cacheFailures {
      settle(id, after: Self.pause(after: failures))
    }
    if table.managed[id]?.isOutdated == true {
      table.managed[id]?.isOutdated = false
      settle(id, after: .zero)
    }
  }

  /// - Returns: one of all values; `nil` where there is none.
  private func generation(
    _ accepted: ManagedExecution.Accepted, _ id: String, _ states: [(Reference, ReferenceState)]
  ) async -> Generation? {
    let freshness = Freshness(policy: table.policy, now: time.now)
    let limit = table.policy.bounds.executionBytes
    do throws(GenerationFailure) {
      let generation = try await WorkerThread.run(on: worker) { () throws(GenerationFailure) -> Generation in
        let states = Dictionary(states) { first, _ in first }
        return try GenerationAssembly.assemble(accepted.plan, atMost: limit) {
          freshness.result(of: states[$0.entry.reference])
        }
      }
      table.hide(generation.secrets.map(\.value), of: id)
      return generation
    } catch {
      let reason = table.managed[id]?.reasonToWithdraw(
        accepted.plan, states, freshness, unixTime: time.unixTime, isCached: sealing != nil)
      fail(id, error, withdrawing: reason, hiding: states.compactMap { $0.1.value?.payload })
      noteUndelivered(error, id, accepted.plan, freshness, states)
      return nil
    }
  }

  /// Keeps which secrets failed although their values are held; the others' states tell it themselves.
  private func noteUndelivered(
    _ error: GenerationFailure, _ id: String, _ plan: ExecutionPlan, _ freshness: Freshness,
    _ states: [(Reference, ReferenceState)]
  ) {
    let states = Dictionary(states) { first, _ in first }
    let held = plan.items.lazy.filter { item in
      if case .success = freshness.result(of: states[item.entry.reference]) { true } else { false }
    }
    let names = Set(held.map(\.entry.name))
    table.managed[id]?.undelivered = UndeliveredSecrets(
      error.failures.lazy.filter { names.contains($0.secret) }.map { ($0.secret, $0.failure) })
  }

  /// - Parameters:
  ///   - reason: why the outputs in place are not to be used any more.
  ///   - values: what no line of a notice's command may show.
  private func fail(
    _ id: String, _ failure: GenerationFailure, withdrawing reason: String?, hiding values: [SecretBytes]
  ) {
    let lines = failure.lines
    let problem = lines.first.map { $0 + (lines.count > 1 ? " (and \(lines.count - 1) more)" : "") }
    if table.managed[id]?.deliveryProblem?.text != problem {
      for line in lines.prefix(20) {
        log.error("generation not made", metadata: ["execution": "\(id)", "reason": "\(line)"])
      }
    }
    table.managed[id]?.deliveryProblem = problem.map { table.words($0) }
    if reason != nil, table.policy.onMaxStale != .keep {
      delivered?.withdraw(id)
    }
    if let reason, let directory = table.managed[id]?.accepted?.directory, table.managed[id]?.generation ?? 0 > 0 {
      withdraw(id, directory, reason, values)
    }
  }

  /// As the policy's `on_max_stale` says. What could not be removed is tried again by each audit.
  private func withdraw(_ id: String, _ directory: GenerationDirectory, _ reason: String, _ values: [SecretBytes]) {
    let isFirst = table.managed[id]?.isWithdrawn == false
    table.managed[id]?.isWithdrawn = true
    guard table.policy.onMaxStale != .keep else {
      if isFirst {
        log.error("outputs are out of date and stay", metadata: ["execution": "\(id)", "reason": "\(reason)"])
      }
      return
    }
    if isFirst {
      log.error("outputs withdrawn", metadata: ["execution": "\(id)", "reason": "\(reason)"])
    }
    _ = table.folders.remove(directory, id)
    if isFirst, table.policy.onMaxStale == .stop {
      notices.sendStop(id, values)
    }
  }

  private func put(
    _ generation: Generation, _ id: String, _ accepted: ManagedExecution.Accepted,
    _ states: [(Reference, ReferenceState)], isSealed: Bool?
  ) async {
    let inPlace = table.managed[id]?.generation ?? 0
    let number = inPlace + 1
    let secrets = generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) }
    // Each execution's folder has permissions of its own. Where it cannot be made, the delivery says so.
    try? ServiceFolders.make(table.configuration.outputs.root, ServiceFolders.passable)
    // On record first: what a crash leaves behind has an owner.
    notices.record(id, accepted.folder)
    let (now, unixTime) = (time.now, time.unixTime)
    let isInherited = table.managed[id]?.inherited != nil
    do throws(DeliveryFaults) {
      let outcome = try await WorkerThread.run(on: worker) {
        () throws(DeliveryFaults) -> GenerationDirectory.Outcome? in
        if isInherited, Self.isAhead(accepted, id, states), !accepted.directory.holds(secrets) {
          return nil
        }
        let manifest = GenerationManifest.write(
          generation, number: number, execution: id, isSealed: isSealed, now: now, unixTime: unixTime)
        return try accepted.directory.deliver(secrets, manifest: manifest)
      }
      guard let outcome else {
        return stays(id)
      }
      table.folders.reclaim(id)
      table.managed[id]?.deliveryProblem = nil
      table.managed[id]?.undelivered = UndeliveredSecrets()
      table.managed[id]?.deliveryFailures = 0
      table.managed[id]?.isWithdrawn = false
      for warning in outcome.warnings {
        log.warning("output left in part", metadata: ["execution": "\(id)", "reason": "\(warning)"])
      }
      if outcome.change == .content {
        log.notice(
          "generation delivered",
          metadata: [
            "execution": "\(id)", "generation": .stringConvertible(number),
            "secrets": .stringConvertible(secrets.count),
          ])
      }
      table.managed[id]?.inherited = nil
      table.managed[id]?.isAheadOfCache = false
      // What an earlier process delivered may be in place, though its manifest does not say which generation it is.
      if outcome.change == .content || inPlace == 0 {
        table.managed[id]?.generation = number
        table.managed[id]?.deliveredAtUnix = time.unixTime
      }
      if let entry = table.managed[id] {
        delivered?.note(DeliveredGeneration(id, accepted.execution.name, entry.generation, generation))
      }
      notices.record(id, accepted.folder)
      notices.send(id, secrets.map(\.value))
    } catch {
      deliveryFailed(id, error, of: generation)
    }
  }

  /// Whether what is in place now is newer than values of the cache that would take its place.
  private nonisolated static func isAhead(
    _ accepted: ManagedExecution.Accepted, _ id: String, _ states: [(Reference, ReferenceState)]
  ) -> Bool {
    let inPlace = accepted.directory.manifest().flatMap { GenerationManifest.generation(in: $0, of: id) }
    return inPlace?.isAhead(of: accepted.plan, Dictionary(states) { first, _ in first }) ?? false
  }

  /// Nobody is told of what is older than the outputs, and of those nobody needs to be told.
  private func stays(_ id: String) {
    if table.managed[id]?.isAheadOfCache == false {
      log.warning(
        "outputs are newer than the cache, and stay",
        metadata: ["execution": "\(id)", "generation": .stringConvertible(table.managed[id]?.generation ?? 0)])
    }
    table.managed[id]?.isAheadOfCache = true
    table.managed[id]?.deliveryProblem = nil
    table.managed[id]?.undelivered = UndeliveredSecrets()
    table.managed[id]?.deliveryFailures = 0
  }

  private func deliveryFailed(_ id: String, _ error: DeliveryFaults, of generation: Generation) {
    let problem = error.faults.first?.description
    if table.managed[id]?.deliveryProblem?.text != problem {
      for fault in error.faults.prefix(20) {
        log.error("generation not delivered", metadata: ["execution": "\(id)", "reason": "\(fault)"])
      }
    }
    table.managed[id]?.deliveryProblem = problem.map { table.words($0) }
    let entries = Dictionary(generation.secrets.map { ($0.name, $0.entry) }) { first, _ in first }
    table.managed[id]?.undelivered = UndeliveredSecrets(error, entries: entries)
    let failures = min(table.managed[id]?.deliveryFailures ?? 0, 1000) + 1
    table.managed[id]?.deliveryFailures = failures
    settle(id, after: Self.pause(after: failures))
  }

  /// Ends all that is by time.
  func stop() { ends.stop() }

  /// Before what could not be written is tried again: doubling from two seconds to a minute.
  private static func pause(after failures: Int) -> Duration {
    min(.seconds(1) * (1 << min(failures, 6)), .seconds(60))
  }
}
