import EventLoop
import Synchronization

/// A login that all calls of a connection share: made once however many wait for it, replaced before it ends, and once after a
/// refusal.
///
/// After a failed login, callers get the same failure for a while without a new attempt, so that a wrong password is not tried once a
/// secret: doubling from one second to a minute, and to two seconds where it may pass by itself.
public actor Session<Credential: Sendable> {
  /// What a login or a renewal gives.
  public struct Grant: Sendable {
    public let credential: Credential
    /// When it can no longer be used; `nil`: never by time.
    public let until: Moment?
    /// From when on it should be renewed, while it goes on being good; `nil`: it is used to its end.
    public let renewAt: Moment?

    public init(credential: Credential, until: Moment?, renewAt: Moment? = nil) {
      self.credential = credential
      self.until = until
      self.renewAt = renewAt
    }
  }

  /// A grant with its place in the row of logins.
  public struct Login: Sendable {
    public let grant: Grant
    /// Counts logins: a caller that was refused names it, so that one refusal seen by many makes one new login.
    public let generation: Int

    public var credential: Credential { grant.credential }
  }

  /// Who sees to it that a grant is renewed when it is due.
  public enum Renewal: Sendable {
    /// The first caller that finds it due starts it on the side, and all go on with the old grant until there is a new one.
    case onTheSide
    /// Callers that find it due wait for it.
    case awaited
    /// A timer, for as long as the session is open. A renewal that is refused ends the grant.
    case timed
  }

  public typealias Renewer = @Sendable (Credential) async throws(ProviderFailure) -> Grant
  private typealias Outcome = Result<Login, ProviderFailure>

  private enum State {
    case none
    case loggingIn(Task<Void, Never>)
    case valid(Login)
    case failed(ProviderFailure, until: Moment)
  }

  private let logIn: @Sendable () async throws(ProviderFailure) -> Grant
  /// `nil`: a new login renews.
  private let renewer: Renewer?
  private let renewal: Renewal
  private let connection: OpenConnection
  private let isCounted: Bool
  private var state = State.none
  private var waiting: [Int: CheckedContinuation<Outcome, Never>] = [:]
  private var nextWaiter = 0
  private var generation = 0
  private var failuresInARow = 0
  /// Not before then is a renewal that failed tried again.
  private var nextRenewal: Moment?
  /// The renewal that is under way, or the timer.
  package private(set) var renewing: Task<Void, Never>?

  /// - Parameters:
  ///   - isCounted: whether it is a login to those who count them, and not a step on the way to one.
  ///   - renew: what lengthens a grant; `nil`: a new login.
  public init(
    over connection: OpenConnection, renewal: Renewal = .onTheSide, isCounted: Bool = true, renew: Renewer? = nil,
    logIn: @escaping @Sendable () async throws(ProviderFailure) -> Grant
  ) {
    self.connection = connection
    self.isCounted = isCounted
    self.renewal = renewal
    self.logIn = logIn
    self.renewer = renew
  }

  deinit { renewing?.cancel() }

  private var time: any TimeSource { connection.services.time }

  /// The valid login, after logging in where there is none.
  public func current() async throws(ProviderFailure) -> Login {
    switch state {
    case .valid(let login) where login.grant.until.map({ time.now < $0 }) ?? true:
      return try await renewed(login)
    case .failed(let failure, let until) where time.now < until:
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
    forget(refused)
    return try await current()
  }

  /// The login that is held, without making one.
  public var held: Login? {
    if case .valid(let login) = state { login } else { nil }
  }

  /// Forgets `login`, so that the next caller logs in.
  public func forget(_ login: Login) {
    if case .valid(let held) = state, held.generation == login.generation {
      state = .none
    }
  }

  /// Renews nothing any more.
  public func end() {
    renewing?.cancel()
    renewing = nil
  }

  // MARK: - Login

  /// - Parameter old: what is renewed, and serves on where that fails.
  private func begin(keeping old: Login? = nil) {
    // The login belongs to all that wait, so it must not end with the first of them that is cancelled.
    let task = Task(executorPreference: connection.services.executor) {
      let outcome: Result<Grant, ProviderFailure>
      do throws(ProviderFailure) {
        outcome = .success(try await self.grant(renewing: old))
      } catch {
        outcome = .failure(error)
      }
      await self.finish(outcome, keeping: old)
    }
    state = .loggingIn(task)
  }

  private nonisolated func grant(renewing old: Login?) async throws(ProviderFailure) -> Grant {
    if let old, let renewer {
      return try await renewer(old.credential)
    }
    return try await logIn()
  }

  private func finish(_ outcome: Result<Grant, ProviderFailure>, keeping old: Login?) {
    let result: Outcome
    if isCounted {
      count((try? outcome.get()) != nil, isRenewal: old != nil)
    }
    switch outcome {
    case .success(let grant):
      generation += 1
      failuresInARow = 0
      nextRenewal = nil
      let login = Login(grant: grant, generation: generation)
      state = .valid(login)
      result = .success(login)
      if renewal == .timed {
        keepAlive(login)
      }
    case .failure(let failure):
      if let old, old.grant.until.map({ time.now < $0 }) ?? true {
        postponeRenewal(failure)
        state = .valid(old)
        result = .success(old)
      } else {
        failuresInARow += 1
        let pause = Duration.seconds(1 << min(failuresInARow - 1, 6))
        // What locks nobody out is asked for again sooner, as soon as a failover is over.
        let longest: Duration = failure.isPassing ? .seconds(2) : .seconds(60)
        let wait = max(min(pause, longest), failure.retryAfter ?? .zero)
        state = .failed(failure, until: time.now.advanced(by: wait))
        result = .failure(failure)
      }
    }
    let waiters = waiting
    waiting = [:]
    for waiter in waiters.values {
      waiter.resume(returning: result)
    }
  }

  private func count(_ succeeded: Bool, isRenewal: Bool) {
    if isRenewal {
      connection.metrics.renewed(succeeded)
    } else {
      connection.metrics.loggedIn(succeeded)
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
    if waiting.isEmpty, case .loggingIn(let task) = state {
      // The login ends with the failure that it was retrying, which says more than that time was up.
      waiting[number] = waiter
      task.cancel()
      return
    }
    waiter.resume(
      returning: .failure(
        connection.failures.make(.transient, "gave up: the time limit was reached while logging in")))
  }

  // MARK: - Renewal

  /// How long after a renewal that failed the next one is tried, while the old grant serves.
  private var pause: Duration { renewal == .awaited ? .seconds(60) : .seconds(30) }

  private func isDue(_ login: Login) -> Bool {
    guard renewal != .timed, let due = login.grant.renewAt else {
      return false
    }
    return time.now >= max(due, nextRenewal ?? due)
  }

  private func renewed(_ login: Login) async throws(ProviderFailure) -> Login {
    guard isDue(login) else {
      return login
    }
    if renewal == .awaited {
      begin(keeping: login)
      return try await wait()
    }
    if renewing == nil {
      renewing = Task(executorPreference: connection.services.executor) {
        await self.renewAside(login)
      }
    }
    return login
  }

  private func renewAside(_ login: Login) async {
    await renew(login)
    renewing = nil
  }

  /// Puts a renewed grant in the place of `login`'s, unless that was replaced meanwhile.
  ///
  /// - Returns: why it could not be renewed.
  @discardableResult
  private func renew(_ login: Login) async -> ProviderFailure? {
    do throws(ProviderFailure) {
      let grant = try await grant(renewing: login)
      connection.metrics.renewed(true)
      connection.services.log.debug("login renewed", metadata: ["provider": "\(connection.name)"])
      nextRenewal = nil
      if case .valid(let held) = state, held.generation == login.generation {
        state = .valid(Login(grant: grant, generation: login.generation))
      }
      return nil
    } catch {
      connection.metrics.renewed(false)
      postponeRenewal(error)
      return error
    }
  }

  private func postponeRenewal(_ failure: ProviderFailure) {
    connection.services.log.warning(
      "login not renewed, the old one serves on",
      metadata: ["provider": "\(connection.name)", "reason": "\(failure.line)"])
    nextRenewal = time.now.advanced(by: pause)
  }

  private func keepAlive(_ login: Login) {
    renewing?.cancel()
    let time = time
    // It goes on after the work that the login was made for, and that work's limit.
    renewing = WorkLimit.$end.withValue(nil) {
      Task(executorPreference: connection.services.executor) { [weak self] in
        while let due = await self?.timer(of: login) {
          guard (try? await time.sleep(until: due)) != nil else {
            return
          }
          await self?.renewInTime(login)
        }
      }
    }
  }

  /// When `login` is to be renewed next; `nil`: not any more.
  private func timer(of login: Login) -> Moment? {
    guard case .valid(let held) = state, held.generation == login.generation else {
      return nil
    }
    return nextRenewal ?? held.grant.renewAt
  }

  /// Until the grant ends there is time to try again, at ever shorter remainders but never in a hurry.
  private func renewInTime(_ login: Login) async {
    guard case .valid(let held) = state, held.generation == login.generation, let failure = await renew(held) else {
      return
    }
    let left = held.grant.until.map { time.now.duration(to: $0) } ?? .zero
    guard failure.isRetriable, left > .seconds(1) else {
      return forget(login)
    }
    nextRenewal = time.now.advanced(by: max(left / 3, .seconds(1)))
  }
}
