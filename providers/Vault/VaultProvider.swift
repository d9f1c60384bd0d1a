import EventLoop
import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes

/// One connection to a HashiCorp Vault or OpenBao server.
public struct VaultProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.vault

  private let connection: ProviderConnection
  private let services: ProviderServices
  private let failures: FailureMaker
  private let api: VaultAPI
  private let login: VaultLogin
  private let session: LoginSession<VaultToken>
  private let renewal: VaultRenewal
  private let reader: VaultReader
  private let leases: VaultLeases
  private let tokenCheck: VaultTokenCheck

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    let address: HTTPURL
    do throws(URLFault) {
      address = try HTTPURL(parsing: connection.fields.text("address") ?? "")
    } catch {
      throw DocumentFault(connection.path("address"), "\(error); write it as https://host:port")
    }
    let failures = FailureMaker(connection: connection.name)
    let api = VaultAPI(
      address: address, namespace: connection.fields.text("namespace"),
      transport: VaultTransport(connection: connection, address: address, services: services),
      caller: ProviderCaller(connection: connection.name, services: services),
      errors: VaultErrors(failures: failures, services: services), services: services)
    let login = VaultLogin(connection: connection, api: api, services: services, failures: failures)
    let session = LoginSession<VaultToken>(connection: connection.name, services: services) {
      () async throws(ProviderFailure) in
      let token = try await login.token()
      services.log.debug("logged in", metadata: ["provider": "\(connection.name)", "as": "\(login.identity)"])
      return token.grant
    }
    self.connection = connection
    self.services = services
    self.failures = failures
    self.api = api
    self.login = login
    self.session = session
    self.renewal = VaultRenewal(session: session, api: api, services: services)
    self.reader = VaultReader(api: api, failures: failures, services: services)
    self.leases = VaultLeases(api: api, services: services)
    self.tokenCheck = VaultTokenCheck(api: api, services: services)
  }

  public static func describe(_ reference: Reference) -> String {
    VaultLookup(reference).description
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    let login = try await session.current()
    let token = login.credential
    // Only a given token can come out of a login unseen by the server.
    let isAlive = token.isVerified ? true : await tokenCheck.isAlive(login)
    guard isAlive else {
      throw failures.make(
        .denied, "the token is not valid, or may not look itself up", status: 403,
        hint: "give a valid token whose policies allow auth/token/lookup-self")
    }
    return LoginReport(identity: self.login.identity, lifetime: token.lifetime.flatMap { $0 > .zero ? $0 : nil })
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    let login: LoginSession<VaultToken>.Login
    do throws(ProviderFailure) {
      login = try await session.current()
    } catch {
      return references.map { _ in .failure(error) }
    }
    renewal.watch(login)
    return await inOrder(references, atMost: services.limits.inFlight) { reference in
      do throws(ProviderFailure) {
        return .success(try await fetch(reference, login))
      } catch {
        return .failure(error)
      }
    }
  }

  private func fetch(
    _ reference: Reference, _ login: LoginSession<VaultToken>.Login
  ) async throws(ProviderFailure) -> FetchedSecret {
    if let renewed = await leases.renewed(reference, token: login.credential.value) {
      return renewed
    }
    do throws(ProviderFailure) {
      return try await read(reference, login)
    } catch {
      guard error.status == 403 || error.status == 401, await wasLost(login) else {
        throw error
      }
      services.log.notice("token no longer accepted, logging in anew", metadata: ["provider": "\(connection.name)"])
      let fresh = try await session.replacing(login)
      renewal.watch(fresh)
      return try await read(reference, fresh)
    }
  }

  private func read(
    _ reference: Reference, _ login: LoginSession<VaultToken>.Login
  ) async throws(ProviderFailure) -> FetchedSecret {
    let read = try await reader.read(reference, token: login.credential.value)
    if read.lease != nil {
      await leases.keep(read, for: reference)
    }
    return read.secret
  }

  /// Whether the token was good once and is no more. 403 also answers what a good token's policies do not allow: the server
  /// is asked which it is, so that a forbidden path makes no new logins.
  private func wasLost(_ login: LoginSession<VaultToken>.Login) async -> Bool {
    guard login.credential.isVerified || connection.method == "file" else {
      return false
    }
    return await !tokenCheck.isAlive(login)
  }

  public func close(_ reason: CloseReason) async {
    renewal.stop()
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
    await session.forget(generation: login.generation)
    do throws(ProviderFailure) {
      let call = VaultAPI.Call(method: .post, path: ["auth/token/revoke-self"], token: token.value, accepts: [403])
      _ = try await api.send(call)
    } catch {
      services.log.warning(
        "token not revoked, it ends by itself", metadata: ["provider": "\(connection.name)", "reason": "\(error.line)"])
    }
  }
}
