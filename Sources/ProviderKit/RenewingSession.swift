import EventLoop

/// A ``LoginSession`` whose credential is replaced early: when it is due, one caller starts the renewal on the side, and all go on with
/// the old credential until there is a new one. Where renewals fail, the old one serves to its end.
public actor RenewingSession<Credential: Sendable> {
  public typealias Login = LoginSession<Credential>.Login
  public typealias Grant = LoginSession<Credential>.Grant

  /// How long after a renewal that failed the next one is tried.
  public static var pause: Duration { .seconds(30) }

  private let session: LoginSession<Credential>
  private let services: ProviderServices
  private let due: @Sendable (Credential) -> Moment
  private let logIn: @Sendable () async throws(ProviderFailure) -> Grant
  private var nextRenewal: Moment?
  /// The renewal that is under way.
  public private(set) var renewal: Task<Void, Never>?

  /// - Parameter due: when a credential should be replaced; before its grant's end.
  public init(
    connection: String, services: ProviderServices, due: @escaping @Sendable (Credential) -> Moment,
    logIn: @escaping @Sendable () async throws(ProviderFailure) -> Grant
  ) {
    self.services = services
    self.due = due
    self.logIn = logIn
    self.session = LoginSession(connection: connection, services: services, logIn: logIn)
  }

  /// A login that is good now.
  public func current() async throws(ProviderFailure) -> Login {
    let login = try await session.current()
    let now = services.time.now
    if now >= due(login.credential), renewal == nil, nextRenewal.map({ $0 <= now }) ?? true {
      renewal = Task(executorPreference: services.executor) { await self.renew(login) }
    }
    return login
  }

  /// A login newer than `refused`.
  public func replacing(_ refused: Login) async throws(ProviderFailure) -> Login {
    try await session.replacing(refused)
  }

  private func renew(_ login: Login) async {
    do throws(ProviderFailure) {
      let grant = try await logIn()
      await session.renew(grant, generation: login.generation)
      services.metrics.renewed(true)
      nextRenewal = nil
    } catch {
      services.metrics.renewed(false)
      services.log.warning("token not renewed, the old one is kept", metadata: ["reason": "\(error.line)"])
      nextRenewal = services.time.now.advanced(by: Self.pause)
    }
    renewal = nil
  }
}
