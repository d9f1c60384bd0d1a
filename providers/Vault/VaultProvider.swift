import EventLoop
import ExecutionModel
import ProviderKit
import SecretBytes

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
  private let inheritance: VaultInheritance

  public init(_ settings: VaultConnection, over connection: OpenConnection) {
    let api = VaultAPI(settings, over: connection)
    let login = settings.login
    let inheritance = VaultInheritance(api: api)
    self.inheritance = inheritance
    connection.expects(settings.address)
    self.connection = connection
    self.api = api
    self.login = login
    self.session = Session(over: connection, end: .certain) { token throws(ProviderFailure) in
      if token.lookUpAt != nil {
        return try await token.lookedUp(api).grant
      }
      return token.isRenewable ? try await token.renewed(api).grant : nil
    } logIn: { () throws(ProviderFailure) in
      if let inherited = try await inheritance.verified() {
        connection.services.log.notice(
          "the login of the process before is good", metadata: ["provider": "\(connection.name)"])
        return inherited.grant
      }
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
      if let held = try await leases.continued(lookup, token: login.credential.value) {
        return held
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

  /// Versions of KV 2 are numbered from 1, and none is left out: the one before is known by the number that was read.
  public func pair(_ secret: FetchedSecret, of lookup: VaultLookup) async throws(ProviderFailure) -> FetchedSecret {
    guard let version = secret.version.flatMap({ Int64($0) }), version > 0 else {
      throw connection.failures.make(
        .malformed, "the answer does not say which version it is", reference: lookup.description)
    }
    guard version > 1 else {
      return secret.with(.absent("version 1 is the first"))
    }
    guard let read = await fetch([lookup.at(version: version - 1)]).first else {
      return secret
    }
    return try secret.with(read)
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

  /// The agent's own token counts only as long as leases hang on it: without any, it is revoked as this process leaves.
  public func handover(_ lookups: [VaultLookup]) async -> SecretBytes? {
    let leases = await leases.handedOver(of: lookups)
    guard !leases.isEmpty, let token = await token else {
      return nil
    }
    let own = VaultHandover.Token(
      value: token.value, isBatch: token.isBatch, isRenewable: token.isRenewable,
      granted: token.granted.components.seconds)
    return VaultHandover(token: token.isOwn ? own : nil, leases: leases).text
  }

  /// Where executions left more than one token, the first counts: leases of another one are left to their end.
  public func takeOver(_ handover: SecretBytes) async {
    guard let inherited = VaultHandover(handover) else {
      return
    }
    if let token = inherited.token {
      if let held = await session.held {
        guard held.credential.value == token.value else {
          return
        }
      } else {
        guard await inheritance.take(token) else {
          return
        }
      }
      connection.withhold(token.value)
    }
    await leases.inherit(inherited.leases)
  }

  /// The one that is in use, or will be once the server was asked about it.
  private var token: VaultToken? {
    get async {
      if let held = await session.held {
        return held.credential
      }
      return await inheritance.token
    }
  }

  public func close(_ reason: CloseReason) async {
    await session.end()
    guard let token = await token else {
      return
    }
    guard await leases.isEmpty || reason == .ended else {
      // Revoking the token would revoke the leases that hang on it.
      return
    }
    if token.isRevocable, let login = await session.held {
      await session.forget(login)
    }
    await VaultLeaving(api: api, token: token).revoke(await leases.revocations())
  }
}
