import EventLoop

/// A login that many callers share: none → logging in → valid until → again. One login at a time, however many wait for it.
///
/// After a failed login, callers get the same failure for a while (doubling from one second to a minute) without a new
/// attempt, so that a wrong password is not tried once a secret.
public actor LoginSession<Credential: Sendable> {
  /// A credential with its place in the row of logins.
  public struct Login: Sendable {
    public let credential: Credential
    /// When it must be replaced; `nil`: never by time.
    public let until: Moment?
    /// Counts logins: a caller that was refused names it, so that one refusal seen by many makes one new login.
    public let generation: Int
  }

  /// What a login gives.
  public struct Grant: Sendable {
    public let credential: Credential
    public let until: Moment?

    public init(credential: Credential, until: Moment?) {
      self.credential = credential
      self.until = until
    }
  }

  private typealias Outcome = Result<Login, ProviderFailure>

  private enum State {
    case none
    case loggingIn(Task<Void, Never>)
    case valid(Login)
    case failed(ProviderFailure, until: Moment)
  }

  private let logIn: @Sendable () async throws(ProviderFailure) -> Grant
  private let services: ProviderServices
  private let failures: FailureMaker
  private var state = State.none
  private var waiting: [Int: CheckedContinuation<Outcome, Never>] = [:]
  private var nextWaiter = 0
  private var generation = 0
  private var failuresInARow = 0

  public init(
    connection: String, services: ProviderServices,
    logIn: @escaping @Sendable () async throws(ProviderFailure) -> Grant
  ) {
    self.failures = FailureMaker(connection: connection)
    self.services = services
    self.logIn = logIn
  }

  /// The valid login, after logging in where there is none.
  public func current() async throws(ProviderFailure) -> Login {
    switch state {
    case .valid(let login) where login.until.map({ services.time.now < $0 }) ?? true:
      return login
    case .failed(let failure, let until) where services.time.now < until:
      throw failure
    case .loggingIn:
      break
    case .none, .valid, .failed:
      begin()
    }
    return try await wait()
  }

  /// A login newer than `refused`: the one that another caller already made, else a fresh one.
  public func replacing(_ refused: Login) async throws(ProviderFailure) -> Login {
    if case .valid(let login) = state, login.generation == refused.generation {
      state = .none
    }
    return try await current()
  }

  /// The login that is held, without making one.
  public var held: Login? {
    if case .valid(let login) = state { login } else { nil }
  }

  /// Puts a renewed grant in the place of the login of `generation`, unless that was replaced meanwhile.
  public func renew(_ grant: Grant, generation: Int) {
    guard case .valid(let login) = state, login.generation == generation else {
      return
    }
    state = .valid(Login(credential: grant.credential, until: grant.until, generation: generation))
  }

  /// Forgets the login of `generation`, so that the next caller logs in.
  public func forget(generation: Int) {
    if case .valid(let login) = state, login.generation == generation {
      state = .none
    }
  }

  private func begin() {
    // The login belongs to all that wait, so it must not end with the first of them that is cancelled.
    let task = Task(executorPreference: services.executor) {
      let outcome: Result<Grant, ProviderFailure>
      do throws(ProviderFailure) {
        outcome = .success(try await self.logIn())
      } catch {
        outcome = .failure(error)
      }
      await self.finish(outcome)
    }
    state = .loggingIn(task)
  }

  private func finish(_ outcome: Result<Grant, ProviderFailure>) {
    let result: Outcome
    services.metrics.loggedIn((try? outcome.get()) != nil)
    switch outcome {
    case .success(let grant):
      generation += 1
      failuresInARow = 0
      let login = Login(credential: grant.credential, until: grant.until, generation: generation)
      state = .valid(login)
      result = .success(login)
    case .failure(let failure):
      failuresInARow += 1
      let pause = Duration.seconds(1 << min(failuresInARow - 1, 6))
      let wait = max(min(pause, .seconds(60)), failure.retryAfter ?? .zero)
      state = .failed(failure, until: services.time.now.advanced(by: wait))
      result = .failure(failure)
    }
    let waiters = waiting
    waiting = [:]
    for waiter in waiters.values {
      waiter.resume(returning: result)
    }
  }

  private func wait() async throws(ProviderFailure) -> Login {
    let number = nextWaiter
    nextWaiter += 1
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { waiting[number] = $0 }
    } onCancel: {
      Task(executorPreference: services.executor) { await self.abandon(number) }
    }
    return try outcome.get()
  }

  private func abandon(_ number: Int) {
    guard let waiter = waiting.removeValue(forKey: number) else {
      return
    }
    if waiting.isEmpty, case .loggingIn(let task) = state {
      // The login ends with the failure that it was retrying, which says more than that time was up.
      waiting[number] = waiter
      task.cancel()
      return
    }
    waiter.resume(
      returning: .failure(failures.make(.transient, "gave up: the time limit was reached while logging in")))
  }
}
