import EventLoop
import ExecutionModel
import HeapModule
import ProviderKit

/// The references of one connection by the time at which they are due. It has no clock and starts nothing.
///
/// Two heaps, since a fetch may join another one a little before its own time: one by the time at which a reference makes a batch
/// begin, one by the time from which it may join. An entry whose reference has another time by now is passed over.
@DaemonActor
final class ConnectionSchedule {
  private struct Entry: Comparable {
    let moment: Moment
    let due: Moment
    let tracked: TrackedReference

    /// Whether it still says when `tracked` is due.
    @DaemonActor var holds: Bool { !tracked.isDropped && tracked.state.due == due }

    static func < (one: Entry, other: Entry) -> Bool { one.moment < other.moment }
    static func == (one: Entry, other: Entry) -> Bool { one.moment == other.moment }
  }

  let connection: ProviderConnection
  private var references: [Reference: TrackedReference] = [:]
  private var dues = Heap<Entry>()
  private var joins = Heap<Entry>()
  private var breaker = CircuitBreaker()
  var calls: FetchQueue
  private(set) var fetching = 0
  /// The time for which the scheduler is to look at this connection, as it knows it.
  var armed: Moment?

  /// Of the reference that is refreshed most often; `nil`: not known now, `.some(nil)`: none is by time.
  private var shortestInterval: Duration??

  private let held: HeldBytes

  init(_ connection: ProviderConnection, _ held: HeldBytes) {
    self.connection = connection
    self.calls = FetchQueue(size: connection.descriptor.batchSize)
    self.held = held
  }

  var isEmpty: Bool { references.isEmpty }
  var wanted: [Reference] { Array(references.keys) }

  subscript(reference: Reference) -> TrackedReference? { references[reference] }

  /// The reference, tracked from now on where it was not.
  func track(_ reference: Reference) -> TrackedReference {
    if let tracked = references[reference] {
      return tracked
    }
    let tracked = TrackedReference(reference)
    references[reference] = tracked
    return tracked
  }

  /// An interval changed.
  func noteInterval() { shortestInterval = nil }

  private func interval() -> Duration? {
    if let shortestInterval {
      return shortestInterval
    }
    var shortest: Duration?
    for tracked in references.values {
      if let interval = tracked.state.interval {
        shortest = min(shortest ?? interval, interval)
      }
    }
    shortestInterval = .some(shortest)
    return shortest
  }

  func drop(_ tracked: TrackedReference) {
    tracked.isDropped = true
    _ = held.replace(tracked.weight, by: 0)
    references[tracked.reference] = nil
    noteInterval()
    if tracked.isFetching {
      fetching -= 1
    }
  }

  /// Says when `tracked` is fetched next.
  func setDue(_ tracked: TrackedReference, _ due: Moment?) {
    tracked.state.due = due
    enter(tracked)
  }

  private func enter(_ tracked: TrackedReference) {
    guard let due = tracked.state.due else {
      return
    }
    dues.insert(Entry(moment: due, due: due, tracked: tracked))
    if tracked.slack > .zero {
      joins.insert(Entry(moment: due.advanced(by: .zero - tracked.slack), due: due, tracked: tracked))
    }
  }

  // MARK: - Batches

  /// Whether it is left alone at present.
  func isLeftAlone(at now: Moment) -> Bool { !breaker.isClosed(at: now) || breaker.isProbing }

  /// When the next batch can begin; `nil`: nothing is due by time, or a probe that is under way decides first.
  var next: Moment? {
    guard !(breaker.isProbing && fetching > 0) else {
      return nil
    }
    while let first = dues.min, !first.holds {
      dues.removeMin()
    }
    return dues.min.map { max($0.moment, breaker.notBefore ?? $0.moment) }
  }

  /// What is due, and what may join it; all of it is marked as being fetched.
  func takeBatch(at now: Moment) -> FetchBatch? {
    guard let next, next <= now else {
      return nil
    }
    if breaker.isProbing {
      return dues.popMin().map { FetchBatch([take($0)]) }
    }
    var batch: [Taken] = []
    while let first = dues.min, first.moment <= now {
      dues.removeMin()
      if first.holds {
        batch.append(take(first))
      }
    }
    while let first = joins.min, first.moment <= now {
      joins.removeMin()
      if first.holds {
        batch.append(take(first))
      }
    }
    return batch.isEmpty ? nil : FetchBatch(batch)
  }

  private func take(_ entry: Entry) -> Taken {
    entry.tracked.isFetching = true
    entry.tracked.state.due = nil
    fetching += 1
    return Taken(reference: entry.tracked.reference, due: entry.due)
  }

  /// Whether anybody still waits for it.
  func isWanted(_ taken: Taken) -> Bool { references[taken.reference]?.isFetching == true }

  /// Takes in what a whole batch came to.
  func noteBatch(_ batch: FetchBatch, at now: Moment, random: Double) {
    breaker.note(batch.results, at: now, random: random, interval: interval())
  }

  /// Takes in the results of one call, as they come.
  ///
  /// - Returns: the owners that have something to learn, the references that failed, and those that held a value of an earlier life of
  ///   the process until now.
  func note(
    _ call: ArraySlice<Taken>, _ results: [FetchResult], at now: Moment, unixTime: Int64, random: () -> Double
  ) -> (changed: Set<String>, failed: [TrackedReference], answered: [TrackedReference]) {
    var changed: Set<String> = []
    var failed: [TrackedReference] = []
    var answered: [TrackedReference] = []
    for (taken, result) in zip(call, results) {
      guard let tracked = references[taken.reference], tracked.isFetching else {
        continue
      }
      fetching -= 1
      let result = admitted(result, tracked)
      let weight = tracked.weight
      let wasRestored = tracked.state.isRestored
      if tracked.note(result, served: taken.due, at: now, unixTime: unixTime, random: random()) {
        changed.formUnion(tracked.owners)
      }
      if case .failure = result {
        failed.append(tracked)
        _ = held.replace(weight, by: tracked.weight)
      }
      if wasRestored, !tracked.state.isRestored {
        answered.append(tracked)
      }
      if tracked.isWantedAgain {
        tracked.isWantedAgain = false
        tracked.state.due = now
      }
      enter(tracked)
    }
    return (changed, failed, answered)
  }

  /// A value that the agent has no room for is a failure of its own reference; what is held stays.
  private func admitted(_ result: FetchResult, _ tracked: TrackedReference) -> FetchResult {
    guard case .success(let secret) = result, !held.replace(tracked.weight, by: secret.weight) else {
      return result
    }
    return .failure(
      ProviderFailure(
        .malformed, connection: connection.name, reference: tracked.reference.description,
        "no room for its \(secret.weight) bytes: the policy's max_held_bytes is \(held.limit)"))
  }

  /// Tells ages of values of an earlier life of the process anew.
  func judgeAges(at now: Moment, unixTime: Int64) {
    for tracked in references.values {
      tracked.judgeAge(at: now, unixTime: unixTime)
    }
  }

  // MARK: - Asked for

  /// Has `tracked` fetched now, or again where it is being fetched already.
  func request(_ tracked: TrackedReference, at now: Moment) {
    if tracked.isFetching {
      tracked.isWantedAgain = true
    } else {
      setDue(tracked, now)
    }
  }

  /// Tries anew at once what failed, as after a change of policy.
  func forgetFailures(at now: Moment) {
    breaker = CircuitBreaker()
    for tracked in references.values where tracked.state.failure != nil && !tracked.isFetching {
      setDue(tracked, now)
    }
  }
}
