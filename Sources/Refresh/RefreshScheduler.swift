import EventLoop
import ExecutionModel
import Logging
import ProviderKit
import Resolution
import SecretBytes

/// Keeps every reference of all executions fresh: one timer a reference, one batch for what is due together on a connection.
///
/// A reference that several executions name is fetched once for all. A failing one backs off by itself and neither delays nor
/// re-fetches another; a connection that gives no answer at all is left alone for a while (``CircuitBreaker``).
public actor RefreshScheduler {
  /// Told the owners whose values changed, or came for the first time, or whose first attempt failed.
  public typealias Observer = @Sendable (Set<String>) async -> Void

  struct Connection {
    let connection: ProviderConnection
    var references: [Reference: TrackedReference] = [:]
    var breaker = CircuitBreaker()

    /// While a probe is under way everything else waits for what comes of it.
    var awaitsProbe: Bool { breaker.isProbing && references.values.contains(where: \.isFetching) }
  }

  /// The shortest time between two refreshes of one reference that a person asks for.
  public static let forcedFloor = Duration.seconds(5)

  private var pool: ProviderPool
  let time: any TimeSource
  let random: @Sendable () -> Double
  private let nodeID: String
  let log: Logger
  private let executor: (any TaskExecutor)?
  let observer: Observer
  var connections: [ProviderConnection.Key: Connection] = [:]
  private var wantsOf: [String: [Reference]] = [:]
  private var timer: (due: Moment, task: Task<Void, Never>)?
  private var isStopped = false

  public init(
    pool: ProviderPool, time: any TimeSource, random: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
    nodeID: String, log: Logger, executor: (any TaskExecutor)? = nil, observer: @escaping Observer
  ) {
    self.pool = pool
    self.time = time
    self.random = random
    self.nodeID = nodeID
    self.log = log
    self.executor = executor
    self.observer = observer
  }

  // MARK: - Who wants what

  /// Replaces what `owner` wants. References that it wanted before keep their values and timers; new ones are fetched at once.
  public func subscribe(_ owner: String, _ wants: [Subscription]) async {
    let before = Set(wantsOf[owner] ?? [])
    wantsOf[owner] = wants.map(\.reference)
    for want in wants {
      add(want, of: owner)
    }
    await drop(before.subtracting(wants.map(\.reference)), of: owner)
    arm()
  }

  /// `owner` wants nothing any more; what nobody wants is forgotten, and connections without references are closed.
  public func unsubscribe(_ owner: String) async {
    await drop(Set(wantsOf.removeValue(forKey: owner) ?? []), of: owner)
  }

  private func add(_ want: Subscription, of owner: String) {
    let key = want.reference.connection
    var connection = connections[key] ?? Connection(connection: want.connection)
    var tracked = connection.references[want.reference] ?? TrackedReference()
    tracked.owners[owner] = want
    let interval = tracked.interval
    if interval != tracked.state.interval || tracked.timing == nil {
      tracked.state.interval = interval
      tracked.timing = interval.map {
        RefreshTiming(interval: $0, seed: "\(nodeID)\n\(want.connection.name)\n\(want.connection.type)\n\(want.reference)")
      }
      if tracked.state.value != nil {
        tracked.state.due = tracked.dueAfterSuccess(at: time.now, served: nil)
      }
    }
    if tracked.state.value == nil, tracked.state.due == nil, !tracked.isFetching {
      tracked.state.due = time.now
    }
    connection.references[want.reference] = tracked
    connections[key] = connection
  }

  private func drop(_ references: Set<Reference>, of owner: String) async {
    var closing: [ProviderConnection.Key] = []
    for reference in references {
      let key = reference.connection
      connections[key]?.references[reference]?.owners[owner] = nil
      if connections[key]?.references[reference]?.owners.isEmpty == true {
        connections[key]?.references[reference] = nil
      }
      if connections[key]?.references.isEmpty == true {
        connections[key] = nil
        closing.append(key)
      }
    }
    for key in closing {
      await pool.close(key, .ended)
    }
  }

  /// Puts another pool in the place of the present one, as after a change of policy. Values and timers stay; what failed is tried
  /// anew at once.
  public func replace(pool: ProviderPool) -> ProviderPool {
    let old = self.pool
    self.pool = pool
    let now = time.now
    for key in Array(connections.keys) {
      connections[key]?.breaker = CircuitBreaker()
      for (reference, tracked) in connections[key]?.references ?? [:] where tracked.state.failure != nil {
        connections[key]?.references[reference]?.state.due = now
      }
    }
    arm()
    return old
  }

  // MARK: - How it stands

  public func state(of reference: Reference) -> ReferenceState? {
    connections[reference.connection]?.references[reference]?.state
  }

  public func states(of owner: String) -> [Reference: ReferenceState] {
    var states: [Reference: ReferenceState] = [:]
    for reference in wantsOf[owner] ?? [] {
      states[reference] = state(of: reference)
    }
    return states
  }

  /// Connections that are left alone at present.
  public var openBreakers: [ProviderConnection] {
    connections.values.filter { !$0.breaker.isClosed(at: time.now) || $0.breaker.isProbing }.map(\.connection)
  }

  /// Whether a fetch is under way.
  package var isFetching: Bool {
    connections.values.contains { $0.references.values.contains(where: \.isFetching) }
  }

  // MARK: - Asked for

  /// Fetches `references` now, whatever their timers say. Each at most once in ``forcedFloor``.
  ///
  /// - Returns: how many are being fetched, and how many were asked for too soon.
  public func refresh(_ references: [Reference]) -> (started: Int, tooSoon: Int) {
    let now = time.now
    var outcome = (started: 0, tooSoon: 0)
    for reference in references {
      guard var tracked = connections[reference.connection]?.references[reference] else {
        continue
      }
      if let last = tracked.lastForced, last.duration(to: now) < Self.forcedFloor {
        outcome.tooSoon += 1
        continue
      }
      tracked.lastForced = now
      outcome.started += 1
      request(&tracked, at: now)
      connections[reference.connection]?.references[reference] = tracked
    }
    arm()
    return outcome
  }

  /// The source of `reference` tells that it changed: fetched at once, and again where it is being fetched already.
  public func noteChange(of reference: Reference) {
    guard var tracked = connections[reference.connection]?.references[reference] else {
      return
    }
    request(&tracked, at: time.now)
    connections[reference.connection]?.references[reference] = tracked
    arm()
  }

  private func request(_ tracked: inout TrackedReference, at now: Moment) {
    if tracked.isFetching {
      tracked.isWantedAgain = true
    } else {
      tracked.state.due = now
    }
  }

  // MARK: - Timers

  /// Ends all timers; nothing is fetched any more.
  public func stop() {
    isStopped = true
    timer?.task.cancel()
    timer = nil
  }

  func arm() {
    guard !isStopped, let due = connections.values.compactMap({ earliest($0) }).min() else {
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

  private func earliest(_ connection: Connection) -> Moment? {
    guard !connection.awaitsProbe, let due = connection.references.values.compactMap(\.state.due).min() else {
      return nil
    }
    return connection.breaker.notBefore.map { max($0, due) } ?? due
  }

  private func fire(_ armed: Moment) {
    if timer?.due == armed {
      timer = nil
    }
    let now = time.now
    for key in Array(connections.keys) {
      guard let connection = connections[key], connection.breaker.isClosed(at: now), !connection.awaitsProbe else {
        continue
      }
      let batch = takeBatch(from: key, at: now)
      if !batch.isEmpty {
        start(batch, on: connection.connection)
      }
    }
    arm()
  }

  /// What is due, and what may join it; all of it is marked as being fetched.
  private func takeBatch(from key: ProviderConnection.Key, at now: Moment) -> [(Reference, Moment)] {
    guard var connection = connections[key] else {
      return []
    }
    let waiting = connection.references.filter { $0.value.state.due != nil }
    guard let first = waiting.values.compactMap(\.state.due).min(), first <= now else {
      return []
    }
    var batch: [(Reference, Moment)] = []
    for (reference, tracked) in waiting {
      guard let due = tracked.state.due else {
        continue
      }
      // Failing references keep to their own backoff.
      let slack = tracked.state.failure == nil ? tracked.timing?.slack ?? .zero : .zero
      if due <= now.advanced(by: slack) {
        batch.append((reference, due))
      }
    }
    if connection.breaker.isProbing, let probe = batch.min(by: { $0.1 < $1.1 }) {
      batch = [probe]
    }
    for (reference, _) in batch {
      connection.references[reference]?.isFetching = true
      connection.references[reference]?.state.due = nil
    }
    connections[key] = connection
    return batch
  }

  private func start(_ batch: [(Reference, Moment)], on connection: ProviderConnection) {
    let pool = pool
    Task(executorPreference: executor) {
      let references = batch.map(\.0)
      let results: [FetchResult]
      do throws(ProviderFailure) {
        results = await (try pool.provider(connection)).fetch(references: references)
      } catch {
        results = references.map { _ in .failure(error) }
      }
      await self.finish(batch, connection, results)
    }
  }
}
