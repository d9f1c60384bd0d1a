import EventLoop
import ExecutionModel
import ProviderKit

/// One connection to a HashiCorp Vault or OpenBao server.
public struct VaultProvider: SecretProvider {
  public static let declaration = VaultDeclaration.value

  private let connection: OpenConnection
  private let api: VaultAPI
  private let login: VaultLogin
  private let session: Session<VaultToken>
  private let reader: VaultReader
  private let leases: VaultLeases
  private let tokenCheck: VaultTokenCheck

  public init(_ settings: VaultConnection, over connection: OpenConnection) {
    let api = VaultAPI(settings, over: connection)
    let login = settings.login
    self.connection = connection
    self.api = api
    self.login = login
    self.session = Session(over: connection, renewal: .timed) { token throws(ProviderFailure) in
      try await token.renewed(api).grant
    } logIn: { () throws(ProviderFailure) in
      let token = try await login.token(api)
      connection.services.log.debug(
        "logged in", metadata: ["provider": "\(connection.name)", "as": "\(login.identity)"])
      return token.grant
    }
    self.reader = VaultReader(api: api)
    self.leases = VaultLeases(api: api)
    self.tokenCheck = VaultTokenCheck(api: api)
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    let login = try await connection.login(to: session)
    let token = login.credential
    // Only a given token can come out of a login unseen by the server.
    let isAlive = token.isVerified ? true : await tokenCheck.isAlive(login)
    guard isAlive else {
      throw connection.failures.make(
        .denied, "the token is not valid, or may not look itself up", status: 403,
        hint: "give a valid token whose policies allow auth/token/lookup-self")
    }
    return LoginReport(identity: self.login.identity, lifetime: token.lifetime.flatMap { $0 > .zero ? $0 : nil })
  }

  public func fetch(_ lookups: [VaultLookup]) async -> [FetchResult] {
    await connection.fetchEach(lookups, with: session, isRefused: isLost) { lookup, login throws(ProviderFailure) in
      if let renewed = await leases.renewed(lookup, token: login.credential.value) {
        return renewed
      }
      let read: VaultReader.Read
      do throws(ProviderFailure) {
        read = try await reader.read(lookup, token: login.credential.value)
      } catch {
        throw api.errors.explained(error, lookup, by: login.credential)
      }
      if read.lease != nil {
        await leases.keep(read, for: lookup)
      }
      return read.secret
    }
  }

  /// Whether the token was good once and is no more. 403 also answers what a good token's policies do not allow: the server
  /// is asked which it is, so that a forbidden path makes no new logins.
  @Sendable private func isLost(_ failure: ProviderFailure, _ login: Session<VaultToken>.Login) async -> Bool {
    guard failure.status == 403 || failure.status == 401, login.credential.isVerified || self.login.readsTokenFile
    else {
      return false
    }
    return await !tokenCheck.isAlive(login)
  }

  public func close(_ reason: CloseReason) async {
    await session.end()
    guard let login = await session.held else {
      return
    }
    let token = login.credential
    let holdsLeases = await !leases.isEmpty
    if holdsLeases, reason == .handedOver {
      // Revoking the token would revoke the leases that hang on it.
      return
    }
    if holdsLeases {
      await leases.revokeAll(token: token.value)
    }
    guard token.isOwn, !token.isBatch else {
      return
    }
    await session.forget(login)
    do throws(ProviderFailure) {
      let call = VaultAPI.Call(method: .post, path: "auth/token/revoke-self", token: token.value, accepts: [403])
      _ = try await api.send(call)
    } catch {
      connection.services.log.warning(
        "token not revoked, it ends by itself", metadata: ["provider": "\(connection.name)", "reason": "\(error.line)"])
    }
  }
}

/// Asks the server whether a token is still good: once for all that were refused at the same time.
private actor VaultTokenCheck {
  /// How long an answer is believed. A burst of refusals asks once; a token revoked later is noticed.
  static let validity: Duration = .seconds(5)

  private let api: VaultAPI
  private var asked: (generation: Int, at: Moment, answer: Task<Bool, Never>)?

  init(api: VaultAPI) {
    self.api = api
  }

  /// `true` also where the server cannot be asked: then the refusal stands as it was.
  func isAlive(_ login: Session<VaultToken>.Login) async -> Bool {
    let services = api.connection.services
    let now = services.time.now
    if let asked, asked.generation == login.generation, now < asked.at.advanced(by: Self.validity) {
      return await asked.answer.value
    }
    let answer = Task(executorPreference: services.executor) { [api] in
      let call = VaultAPI.Call(path: "auth/token/lookup-self", token: login.credential.value, accepts: [401, 403])
      let status = try? await api.send(call).status
      return status != 401 && status != 403
    }
    asked = (login.generation, now, answer)
    return await answer.value
  }
}
