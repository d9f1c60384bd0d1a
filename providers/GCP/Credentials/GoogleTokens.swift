import ExecutionModel
import HTTPTransport
import ProviderKit

/// The access tokens of one connection's identity, shared with all connections of the same one.
struct GoogleTokens: Sendable {
  typealias Session = RenewingSession<GoogleAccessToken>

  /// What makes two connections' tokens the same: the `auth` block. What the environment names is the same for all.
  private struct Identity: Hashable, Sendable {
    let method: GCPMethod
    let fields: FieldValues
    let scope: String
  }

  let session: Session
  private let failures: FailureMaker

  /// - Parameter impersonating: `generateAccessToken` of `auth.impersonate_service_account`.
  init(
    method: GCPMethod, fields: FieldValues, impersonating: (account: String, url: HTTPURL)?, calls: GoogleCalls
  ) {
    let environment = GoogleEnvironment(environment: calls.services.environment)
    let metadata = MetadataServer(calls: calls, environment: environment)
    let login = GoogleLogin(calls: calls, environment: environment, metadata: metadata)
    let source = ApplicationDefault(
      method: method, fields: fields, environment: environment, services: calls.services, failures: calls.failures,
      metadata: metadata)
    let scope = GoogleLogin.cloudScope
    self.failures = calls.failures
    self.session = calls.services.shared.session(of: Identity(method: method, fields: fields, scope: scope)) {
      Session(connection: calls.failures.connection, services: calls.services, due: \.renewAt) {
        () async throws(ProviderFailure) in
        var credential = try await source.credential()
        if let impersonating {
          credential = .impersonated(
            Impersonation(
              source: credential, url: impersonating.url, principal: impersonating.account, delegates: [],
              lifetime: Impersonation.standardLifetime, quotaProject: nil))
        }
        let token = try await login.token(of: credential, scope: scope)
        calls.services.log.debug(
          "logged in", metadata: ["provider": "\(calls.failures.connection)", "as": "\(token.principal)"])
        return .init(credential: token, until: token.until)
      }
    }
  }

  func current() async throws(ProviderFailure) -> Session.Login {
    do throws(ProviderFailure) {
      return try await session.current()
    } catch {
      throw failures.own(error)
    }
  }

  /// A token newer than `refused`.
  func replacing(_ refused: Session.Login) async throws(ProviderFailure) -> Session.Login {
    do throws(ProviderFailure) {
      return try await session.replacing(refused)
    } catch {
      throw failures.own(error)
    }
  }
}
