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
      try await (token.lookUpAt == nil ? token.renewed(api) : token.lookedUp(api)).grant
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
    var token = try await connection.login(to: session).credential
    // Only a given token can come out of a login unseen by the server.
    if !token.isVerified {
      token = try await token.lookedUp(api)
    }
    guard token.isVerified else {
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
        throw await explained(error, lookup, by: login)
      }
      if read.lease != nil {
        await leases.keep(read, for: lookup)
      }
      return read.secret
    }
  }

  /// Says what is likely wrong. Whether a given token is good is asked only where it was refused.
  private func explained(
    _ failure: ProviderFailure, _ lookup: VaultLookup, by login: Session<VaultToken>.Login
  ) async -> ProviderFailure {
    guard VaultErrors.isRefusal(failure) else {
      return failure
    }
    var isVerified = login.credential.isVerified
    if !isVerified {
      isVerified = await tokenCheck.isAlive(login) == true
    }
    return api.errors.explained(failure, lookup, isVerified: isVerified)
  }

  /// Whether the token is no longer good, and another one can be had. 403 also answers what a good token's policies do not allow: the
  /// server is asked which it is, so that a forbidden path makes no new logins.
  @Sendable private func isLost(_ failure: ProviderFailure, _ login: Session<VaultToken>.Login) async -> Bool {
    guard VaultErrors.isRefusal(failure), await tokenCheck.isAlive(login) == false else {
      return false
    }
    return login.credential.isOwn || self.login.hasReplaced(login.credential, connection)
  }

  public func close(_ reason: CloseReason) async {
    await session.end()
    guard let login = await session.held else {
      return
    }
    guard await leases.isEmpty || reason == .ended else {
      // Revoking the token would revoke the leases that hang on it.
      return
    }
    if login.credential.isRevocable {
      await session.forget(login)
    }
    await VaultLeaving(api: api, token: login.credential).revoke(await leases.revocations())
  }
}
