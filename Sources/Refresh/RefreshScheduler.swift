import EventLoop
import ExecutionModel
import HeapModule
import Logging
import ProviderKit
import Resolution
import SecretBytes

/// Keeps every reference of all executions fresh: one timer a reference, one batch for what is due together on a connection.
///
/// A reference that several executions name is fetched once for all. A failing one backs off by itself and neither delays nor
/// re-fetches another; a connection that gives no answer at all is left alone for a while (``CircuitBreaker``).
@DaemonActor
public final class RefreshScheduler {
  /// Told the owners whose values changed, or came for the first time, or whose first attempt failed.
  public typealias Observer = @Sendable (Set<String>) -> Void

  /// A connection that is to be looked at, unless it has another time by now.
  private struct Wake: Comparable {
    let moment: Moment
    let schedule: ConnectionSchedule

    static func < (one: Wake, other: Wake) -> Bool { one.moment < other.moment }
    static func == (one: Wake, other: Wake) -> Bool { one.moment == other.moment }
  }

  /// The shortest time between two refreshes of one reference that a person asks for.
  public static let forcedFloor = Duration.seconds(5)

  private var pool: ProviderPool
  let time: any TimeSource
  private let random: @Sendable () -> Double
  private let nodeID: String
  private var reports: FailureReports
  private let executor: (any TaskExecutor)?
  private let observer: Observer
  private(set) var schedules: [ProviderConnection.Key: ConnectionSchedule] = [:]
  private var wakes = Heap<Wake>()
  private let held: HeldBytes
  private(set) var wantsOf: [String: [Reference]] = [:]
  /// How many values of an owner are of an earlier life of the process; none of them: no entry.
  private(set) var restoredOf: [String: Int] = [:]
  private var timer: (due: Moment, task: Task<Void, Never>)?
  private var isStopped = false

  public init(
    pool: ProviderPool, time: any TimeSource, random: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
    nodeID: String, log: Logger, executor: (any TaskExecutor)? = nil, observer: @escaping Observer
  ) {
    self.pool = pool
    self.held = HeldBytes(limit: pool.policy.bounds.heldBytes)
    self.time = time
    self.random = random
    self.nodeID = nodeID
    self.reports = FailureReports(log)
    self.executor = executor
    self.observer = observer
  }

  // MARK: - Who wants what

  /// Replaces what `owner` wants. References that it wanted before keep their values and timers; new ones are fetched at once.
  public func subscribe(_ owner: String, _ wants: [Subscription]) async {
    var before = Set(wantsOf[owner] ?? [])
    wantsOf[owner] = wants.map(\.reference)
    var touched: [ProviderConnection.Key: ConnectionSchedule] = [:]
    for want in wants {
      before.remove(want.reference)
      let key = want.reference.connection
      let schedule = schedules[key] ?? ConnectionSchedule(want.connection, held)
      schedules[key] = schedule
      touched[key] = schedule
      add(want, of: owner, to: schedule)
    }
    touched.values.forEach(wake)
    let restored = wants.count { state(of: $0.reference)?.isRestored == true }
    restoredOf[owner] = restored > 0 ? restored : nil
    await drop(before, of: owner)
    arm()
  }

  /// `owner` wants nothing any more; what nobody wants is forgotten, and connections without references are closed.
  public func unsubscribe(_ owner: String) async {
    restoredOf[owner] = nil
    await drop(Set(wantsOf.removeValue(forKey: owner) ?? []), of: owner)
  }

  /// What a later process needs to go on with what stores made for `plan`; nothing of a value that its store refuses.
  public func handovers(
    of plan: ExecutionPlan
  ) async -> [(connection: ProviderConnection, handover: SecretBytes)] {
    var handovers: [(ProviderConnection, SecretBytes)] = []
    for group in plan.groups {
      let references = group.references.filter { state(of: $0)?.isRefused != true }
      if let handover = await pool.handover(of: references, over: group.connection) {
        handovers.append((group.connection, handover))
      }
    }
    return handovers
  }

  /// Goes on with what an earlier process left for `connection`; to be called before anything is fetched over it.
  public func takeOver(_ handover: SecretBytes, for connection: ProviderConnection) async {
    await pool.takeOver(handover, for: connection)
  }

  private func add(_ want: Subscription, of owner: String, to schedule: ConnectionSchedule) {
    let tracked = schedule.track(want.reference)
    let isOther = tracked.own(owner, every: want.interval, taking: want.fields)
    if isOther || (tracked.timing == nil && tracked.interval != nil) {
      tracked.state.interval = tracked.interval
      schedule.noteInterval()
      tracked.timing = tracked.interval.map {
        RefreshTiming(
          interval: $0,
          seed: "\(nodeID)\n\(want.connection.name)\n\(want.connection.type)\n\(want.reference.description)")
      }
      if tracked.state.value != nil, !tracked.isFetching {
        schedule.setDue(tracked, tracked.dueAfterSuccess(at: time.now, served: nil))
        tracked.state.expected = tracked.state.due
      }
    }
    if let restored = want.restored, tracked.state.value == nil, held.replace(0, by: restored.weight) {
      tracked.restore(restored, at: time.now, unixTime: time.unixTime)
      if tracked.state.value == nil {
        _ = held.replace(restored.weight, by: 0)
      }
    }
    if tracked.state.value == nil || tracked.state.isRestored, tracked.state.due == nil, !tracked.isFetching {
      schedule.setDue(tracked, time.now)
    }
  }

  private func drop(_ references: Set<Reference>, of owner: String) async {
    var closing: [ProviderConnection.Key] = []
    // Values are known until the logins that read them have ended: what is answered to that is told, too.
    var dropped: [FetchedSecret] = []
    for reference in references {
      guard let schedule = schedules[reference.connection], let tracked = schedule[reference] else {
        continue
      }
      tracked.disown(owner)
      if !tracked.isOwned {
        schedule.drop(tracked)
        dropped += tracked.state.value.map { [$0] } ?? []
      }
      if schedule.isEmpty {
        schedules[reference.connection] = nil
        closing.append(reference.connection)
      }
    }
    for key in closing {
      await pool.close(key, .ended)
    }
    dropped = []
    pool.hidden.settle()
  }

  /// Lets `other` go on with what stores made for the present pool; to be called before it takes that one's place.
  public func handOver(to other: ProviderPool) async {
    for schedule in schedules.values {
      if let handover = await pool.handover(of: schedule.wanted, over: schedule.connection) {
        await other.takeOver(handover, for: schedule.connection)
      }
    }
  }

  /// Puts another pool in the place of the present one, as after a change of policy. Values and timers stay; what failed is tried
  /// anew at once.
  public func replace(pool: ProviderPool) -> ProviderPool {
    let old = self.pool
    self.pool = pool
    held.limit = pool.policy.bounds.heldBytes
    for schedule in schedules.values {
      schedule.forgetFailures(at: time.now)
      wake(schedule)
    }
    arm()
    return old
  }

  // MARK: - Asked for

  /// Fetches `references` now, whatever their timers say. Each at most once in ``forcedFloor``.
  public func refresh(_ references: [Reference]) -> RefreshOutcome {
    let now = time.now
    var outcome = RefreshOutcome()
    for reference in references {
      guard let schedule = schedules[reference.connection], let tracked = schedule[reference] else {
        continue
      }
      if let last = tracked.lastForced, last.duration(to: now) < Self.forcedFloor {
        outcome.tooSoon += 1
        outcome.retryAfter = max(outcome.retryAfter, now.duration(to: last.advanced(by: Self.forcedFloor)))
        continue
      }
      tracked.lastForced = now
      outcome.started += 1
      schedule.request(tracked, at: now)
      wake(schedule)
    }
    arm()
    return outcome
  }

  /// The source of `reference` tells that it changed: fetched at once, and again where it is being fetched already.
  public func noteChange(of reference: Reference) {
    guard let schedule = schedules[reference.connection], let tracked = schedule[reference] else {
      return
    }
    schedule.request(tracked, at: time.now)
    wake(schedule)
    arm()
  }

  // MARK: - Timers

  /// Ends all timers; nothing is fetched any more.
  public func stop() {
    isStopped = true
    reports.finish()
    timer?.task.cancel()
    timer = nil
  }

  /// Has `schedule` looked at when its next batch can begin.
  private func wake(_ schedule: ConnectionSchedule) {
    let next = schedule.next
    guard next != schedule.armed else {
      return
    }
    schedule.armed = next
    if let next {
      wakes.insert(Wake(moment: next, schedule: schedule))
    }
  }

  private func arm() {
    while let first = wakes.min, first.schedule.armed != first.moment {
      wakes.removeMin()
    }
    guard !isStopped, let due = [wakes.min?.moment, reports.due].compactMap({ $0 }).min() else {
      return
    }
    if let timer, timer.due <= due {
      return
    }
    timer?.task.cancel()
    let task = Task(executorPreference: executor) { [time] in
      guard (try? await time.sleep(until: due)) != nil else {
        return
      }
      await self.fire(due)
    }
    timer = (due, task)
  }

  private func fire(_ armed: Moment) {
    if timer?.due == armed {
      timer = nil
    }
    let now = time.now
    while let first = wakes.min, first.moment <= now {
      wakes.removeMin()
      guard first.schedule.armed == first.moment else {
        continue
      }
      first.schedule.armed = nil
      if let batch = first.schedule.takeBatch(at: now) {
        first.schedule.calls.add(batch)
        makeCalls(first.schedule)
      }
      wake(first.schedule)
    }
    reports.write(at: now)
    arm()
  }

  private func makeCalls(_ schedule: ConnectionSchedule) {
    while let first = schedule.calls.begin() {
      Task(executorPreference: executor) { await self.makeCalls(from: first, schedule) }
    }
  }

  /// One after the other, as long as there are any.
  private func makeCalls(from first: FetchQueue.Call, _ schedule: ConnectionSchedule) async {
    var next: FetchQueue.Call? = first
    while let call = next {
      await make(call, schedule)
      next = schedule.calls.next()
    }
  }

  /// A call's results count as they come: one that hangs holds back none but its own.
  private func make(_ call: FetchQueue.Call, _ schedule: ConnectionSchedule) async {
    var results: [FetchResult] = []
    if call.taken.contains(where: { schedule.isWanted($0) }) {
      let references = call.taken.map(\.reference)
      let fields = TakenFields(references.lazy.compactMap { schedule[$0]?.fields }.joined())
      results = await pool.fetch(references, taking: fields, over: schedule.connection)
    }
    call.batch.end(call.taken, results)
    let now = time.now
    let (news, failed, answered) = schedule.note(
      call.taken, results, at: now, unixTime: time.unixTime, random: random)
    let changed = news.union(noteAnswered(answered))
    if results.contains(where: { if case .success = $0 { true } else { false } }) {
      reports.recover(schedule.connection.key, at: now)
    }
    for tracked in failed {
      reports.note(tracked.reference, tracked.state, at: now)
    }
    if schedule.fetching == 0 {
      reports.settle(schedule.connection.key, at: now)
      pool.hidden.settle()
    }
    reports.write(at: now)
    if call.batch.hasEnded {
      schedule.noteBatch(call.batch, at: now, random: random())
    }
    wake(schedule)
    arm()
    if !changed.isEmpty {
      observer(changed)
    }
  }

  /// - Returns: owners of which this was the last.
  private func noteAnswered(_ answered: [TrackedReference]) -> Set<String> {
    var settled: Set<String> = []
    for owner in answered.lazy.flatMap(\.owners) {
      guard let left = restoredOf[owner].map({ $0 - 1 }) else {
        continue
      }
      restoredOf[owner] = left > 0 ? left : nil
      if left <= 0 {
        settled.insert(owner)
      }
    }
    return settled
  }
}

/// What came of a refresh that a person asked for.
public struct RefreshOutcome: Sendable, Equatable {
  /// How many are being fetched.
  public var started = 0
  /// How many were asked for too soon.
  public var tooSoon = 0
  /// When all of those may be asked for.
  public var retryAfter = Duration.zero

  public init(started: Int = 0, tooSoon: Int = 0, retryAfter: Duration = .zero) {
    self.started = started
    self.tooSoon = tooSoon
    self.retryAfter = retryAfter
  }
}
