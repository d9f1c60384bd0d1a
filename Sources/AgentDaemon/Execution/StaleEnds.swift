import EventLoop
import Refresh

/// Has executions delivered anew when a value of theirs gets too old, without an audit: one wake for the next of all ends.
///
/// An end is what was known of it when it was noted: a refresh that changes nothing notes no other, so it is worked out anew when it
/// comes.
@DaemonActor
final class StaleEnds {
  /// At least between two wakes, so that the ends of thousands of executions are seen to together.
  static let pause = Duration.milliseconds(250)

  private let table: ExecutionTable
  private let scheduler: RefreshScheduler
  private let time: any TimeSource
  private let executor: (any TaskExecutor)?
  private let deliver: @DaemonActor (_ id: String) -> Void
  private var ends: [String: Moment] = [:]
  private var timer: (due: Moment, task: Task<Void, Never>)?
  private var lastWake: Moment?

  /// - Parameter deliver: delivers what is held of an execution, which it no longer may as it stands.
  init(
    _ table: ExecutionTable, scheduler: RefreshScheduler, time: any TimeSource, executor: (any TaskExecutor)?,
    deliver: @escaping @DaemonActor (String) -> Void
  ) {
    self.table = table
    self.scheduler = scheduler
    self.time = time
    self.executor = executor
    self.deliver = deliver
  }

  /// Notes when the first of the values of `id` gets too old, as far as that is to come.
  func watch(_ id: String) {
    let freshness = Freshness(policy: table.policy, now: time.now)
    guard !table.isStopping, freshness.withholds, let entry = table.managed[id] else {
      ends[id] = nil
      return
    }
    let now = time.now
    var next = scheduler.stateList(of: id).lazy.compactMap { freshness.end(of: $0.1) }.filter { $0 > now }.min()
    let inherited = entry.inherited?.oldestFetch.flatMap { freshness.end(since: $0, unixTime: time.unixTime) }
    if let inherited, inherited > now {
      next = min(next ?? inherited, inherited)
    }
    ends[id] = next
    if let next {
      arm(for: next)
    }
  }

  func stop() {
    ends = [:]
    timer?.task.cancel()
    timer = nil
  }

  private func isOver(_ id: String) -> Bool {
    let freshness = Freshness(policy: table.policy, now: time.now)
    let inherited = table.managed[id]?.inherited?.oldestFetch
    return scheduler.stateList(of: id).contains { freshness.isWithheld($0.1) }
      || inherited.map { freshness.isWithheld(since: $0, unixTime: time.unixTime) } ?? false
  }

  private func arm(for end: Moment) {
    let due = max(end, lastWake?.advanced(by: Self.pause) ?? end)
    guard timer.map({ due < $0.due }) ?? true else {
      return
    }
    timer?.task.cancel()
    let task = Task(executorPreference: executor) { [time] in
      guard (try? await time.sleep(until: due)) != nil else {
        return
      }
      await self.wake(due)
    }
    timer = (due, task)
  }

  private func wake(_ due: Moment) {
    guard timer?.due == due else {
      return
    }
    timer = nil
    let now = time.now
    lastWake = now
    for id in ends.lazy.filter({ $0.value <= now }).map(\.key).sorted() {
      ends[id] = nil
      if isOver(id) {
        deliver(id)
      } else {
        watch(id)
      }
    }
    if let next = ends.values.min() {
      arm(for: next)
    }
  }
}
