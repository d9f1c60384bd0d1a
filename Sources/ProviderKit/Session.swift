import EventLoop

/// A login that all calls of a connection share: made once however many wait for it, renewed before it ends, and replaced once after
/// a refusal.
///
/// An outage of the login service alone stops no reads: where a renewal fails and may succeed later, what is held serves on, past its
/// end too where that is for the service to tell, and the next attempt is minutes away. What the service refused never serves again,
/// and a failure that only a person can mend is told at once.
///
/// After a failed login, callers get the same failure for a while without a new attempt, so that a wrong password is not tried once a
/// secret: doubling from one second to a minute, and to two seconds where it may pass by itself.
public actor Session<Credential: Sendable> {
  private typealias Outcome = Result<Login, ProviderFailure>

  private enum State {
    case none
    case valid(Held)
    case failed(ProviderFailure, until: Moment)
  }

  private let logins: Attempts
  /// What the end of a grant means.
  private let meaning: End
  /// Whose clients, files and metrics logins use.
  let connection: OpenConnection
  private var state = State.none
  private var waiting: [Int: CheckedContinuation<Outcome, Never>] = [:]
  private var nextWaiter = 0
  private var generation = 0
  private var failuresInARow = 0
  /// Whether the metrics count it among the stale ones.
  private var isCountedStale = false
  /// Whether ``end()`` was called.
  private var isOver = false
  /// The login or renewal that is under way.
  package private(set) var attempt: Task<Void, Never>?
  /// Lengthens what is held when it is due.
  private var timer: Task<Void, Never>?

  /// - Parameters:
  ///   - end: what the end of a grant means.
  ///   - isCounted: whether it is a login to those who count them, and not a step on the way to one.
  ///   - lengthen: what makes a grant longer; `nil`: a new login takes its place.
  public init(
    over connection: OpenConnection, end: End = .toldByRefusal, isCounted: Bool = true, lengthen: Lengthener? = nil,
    logIn: @escaping @Sendable () async throws(ProviderFailure) -> Grant
  ) {
    self.connection = connection
    meaning = end
    logins = Attempts(metrics: isCounted ? connection.metrics : nil, lengthen: lengthen, logIn: logIn)
  }

  deinit {
    timer?.cancel()
    if isCountedStale {
      connection.metrics.loginBecame(stale: false)
    }
  }

  private var time: any TimeSource { connection.services.time }

  /// The valid login, after logging in where there is none.
  public func current() async throws(ProviderFailure) -> Login {
    switch state {
    case .valid(let held):
      switch held.stage(at: time.now, meaning) {
      case .good:
        return held.login(at: time.now)
      case .due:
        begin()
        return held.login(at: time.now)
      case .late:
        break
      }
    case .failed(let failure, let until) where time.now < until:
      throw failure
    case .none, .failed:
      break
    }
    begin()
    return try await wait()
  }

  /// A login newer than `refused`: the one that another caller already made, else a fresh one.
  public func replacing(_ refused: Login) async throws(ProviderFailure) -> Login {
    forget(refused)
    return try await current()
  }

  /// The login that is held, without making one.
  public var held: Login? {
    if case .valid(let held) = state { held.login(at: time.now) } else { nil }
  }

  /// Forgets `login`, so that the next caller logs in.
  public func forget(_ login: Login) {
    if case .valid(let held) = state, held.generation == login.generation {
      become(.none)
    }
  }

  /// Renews nothing any more by itself.
  public func end() {
    isOver = true
    timer?.cancel()
    timer = nil
  }

  private func become(_ new: State) {
    state = new
    timer?.cancel()
    timer = nil
    let isStale = if case .valid(let held) = new { held.nextAttempt != nil } else { false }
    if isStale != isCountedStale {
      isCountedStale = isStale
      connection.metrics.loginBecame(stale: isStale)
    }
    if case .valid(let held) = new, held.grant.isLengthened, let due = held.nextAttempt ?? held.renewAt {
      setTimer(due)
    }
  }

  // MARK: - The timer

  private func setTimer(_ due: Moment) {
    guard !isOver else {
      return
    }
    let time = time
    // It goes on after the work that the login was made for, and that work's limit.
    timer = WorkLimit.$end.withValue(nil) {
      Task(executorPreference: connection.services.executor) { [weak self] in
        if (try? await time.sleep(until: due)) != nil {
          await self?.lengthenInTime()
        }
      }
    }
  }

  private func lengthenInTime() {
    if case .valid(let held) = state, held.grant.isLengthened, !isOver {
      begin()
    }
  }

  // MARK: - Attempts

  private func begin() {
    guard attempt == nil else {
      return
    }
    var old: Held?
    if case .valid(let held) = state, held.serves(at: time.now, meaning) {
      old = held
    }
    // The login belongs to all that wait, so it must not end with the first of them that is cancelled.
    attempt = Task(executorPreference: connection.services.executor) { [logins, old] in
      await self.finish(await logins.make(renewing: old?.grant), old?.generation)
    }
  }

  /// - Parameter old: the generation of what was renewed.
  private func finish(_ gain: Gain, _ old: Int?) {
    attempt = nil
    let inForce: Int? = if case .valid(let held) = state { held.generation } else { nil }
    switch gain {
    case .lengthened, .notLengthened:
      guard inForce == old else {
        // It was refused meanwhile: that it lives longer is of no use, and whoever waits wants a new login.
        if !waiting.isEmpty {
          begin()
        }
        return
      }
    case .login, .nothing:
      break
    }
    switch gain {
    case .login(let grant):
      generation += 1
      resume(with: .success(hold(grant, generation)))
    case .lengthened(let grant):
      resume(with: .success(hold(grant, old ?? generation)))
    case .nothing(let failure), .notLengthened(let failure):
      resume(with: fail(failure))
    }
  }

  private func hold(_ grant: Grant, _ generation: Int) -> Login {
    let now = time.now
    let wasStale = isCountedStale
    var held = Held(grant, generation: generation, at: now, random: connection.services.random())
    failuresInARow = 0
    if meaning == .toldByRefusal, held.hasEnded(at: now) {
      // In an outage of its own a source may give what it has. Whether that is good is for the service to tell.
      held.nextAttempt = now.advanced(by: RefreshWindow.pause(left: nil, asked: nil, connection.services.random()))
    } else if wasStale {
      connection.services.log.notice("login renewed at last", metadata: ["provider": "\(connection.name)"])
    }
    become(.valid(held))
    return held.login(at: now)
  }

  private func fail(_ failure: ProviderFailure) -> Outcome {
    let now = time.now
    if case .valid(var held) = state, failure.mayHeal, held.serves(at: now, meaning) {
      let left = meaning == .certain ? held.grant.until.map { now.duration(to: $0) } : nil
      let pause = RefreshWindow.pause(left: left, asked: failure.retryAfter, connection.services.random())
      held.nextAttempt = now.advanced(by: pause)
      connection.services.log.warning(
        "login not renewed, the old one serves on",
        metadata: [
          "provider": "\(connection.name)", "reason": "\(failure.line)",
          "retry_in_seconds": .stringConvertible(pause), "has_ended": .stringConvertible(held.hasEnded(at: now)),
        ])
      become(.valid(held))
      return .success(held.login(at: now))
    }
    failuresInARow += 1
    let pause = Duration.seconds(1 << min(failuresInARow - 1, 6))
    // What locks nobody out is asked for again sooner, as soon as a failover is over.
    let longest: Duration = failure.isPassing ? .seconds(2) : .seconds(60)
    let wait = max(min(pause, longest), failure.retryAfter ?? .zero)
    become(.failed(failure, until: now.advanced(by: wait)))
    return .failure(failure)
  }

  // MARK: - Waiting

  private func resume(with outcome: Outcome) {
    let waiters = waiting
    waiting = [:]
    for waiter in waiters.values {
      waiter.resume(returning: outcome)
    }
  }

  private func wait() async throws(ProviderFailure) -> Login {
    let number = nextWaiter
    nextWaiter += 1
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { waiting[number] = $0 }
    } onCancel: {
      Task(executorPreference: connection.services.executor) { await self.abandon(number) }
    }
    return try outcome.get()
  }

  private func abandon(_ number: Int) {
    guard let waiter = waiting.removeValue(forKey: number) else {
      return
    }
    if case .valid(let held) = state, held.serves(at: time.now, meaning) {
      waiter.resume(returning: .success(held.login(at: time.now)))
      return
    }
    if waiting.isEmpty, let attempt {
      // The login ends with the failure that it was retrying, which says more than that time was up.
      waiting[number] = waiter
      attempt.cancel()
      return
    }
    waiter.resume(
      returning: .failure(
        connection.failures.make(.transient, "gave up: the time limit was reached while logging in")))
  }
}
