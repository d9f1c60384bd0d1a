import EventLoop
import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes

/// One connection to Google Cloud's Secret Manager.
public struct GCPSecretManagerProvider: SecretProvider {
  public static let descriptor = ProviderDescriptor.gcpSecretManager

  private static let standardIAM = "https://iamcredentials.googleapis.com"

  private let calls: GoogleCalls
  private let endpoint: HTTPURL
  private let services: ProviderServices
  private let reader: SecretManagerReader
  let tokens: GoogleTokens

  public init(connection: ProviderConnection, services: ProviderServices) throws(DocumentFault) {
    let parent = SecretParent(connection.fields)
    let calls = GoogleCalls(connection: connection.name, services: services)
    let environment = GoogleEnvironment(environment: services.environment)
    let given = connection.fields.text("endpoint_url")
    let endpoint = try Self.address(
      given ?? environment.text(GoogleVariable.secretManagerEndpoint) ?? parent.standardEndpoint,
      GoogleVariable.secretManagerEndpoint, connection)
    self.calls = calls
    self.endpoint = endpoint
    self.services = services
    self.reader = SecretManagerReader(parent: parent, endpoint: endpoint, calls: calls)
    self.tokens = GoogleTokens(
      method: connection.method.flatMap(GCPMethod.init(rawValue:)) ?? .standard, fields: connection.authentication,
      impersonating: try Self.impersonation(connection, environment), calls: calls)
  }

  public static func describe(_ reference: Reference) -> String {
    SecretVersionName.shown(reference)
  }

  public func checkAddresses() throws(ProviderFailure) {
    try calls.checkAddress(endpoint)
  }

  public func logIn() async throws(ProviderFailure) -> LoginReport {
    let token = try await tokens.current().credential
    let left = services.time.now.duration(to: token.issuedAt.advanced(by: token.lifetime))
    // To the second, rounded up, so that a token of an hour reads as one.
    let (seconds, rest) = left.components
    return LoginReport(identity: token.principal, lifetime: .seconds(max(seconds + (rest > 0 ? 1 : 0), 0)))
  }

  public func fetch(_ references: [Reference]) async -> [FetchResult] {
    let login: GoogleTokens.Session.Login
    do throws(ProviderFailure) {
      login = try await tokens.current()
    } catch {
      return references.map { _ in .failure(error) }
    }
    return await inOrder(references, atMost: services.limits.inFlight) { reference in
      do throws(ProviderFailure) {
        return .success(try await fetch(reference, login))
      } catch {
        return .failure(error)
      }
    }
  }

  /// Tokens are not revoked: service accounts' have no call for it, and all of them end by themselves.
  public func close(_ reason: CloseReason) async {}

  private func fetch(
    _ reference: Reference, _ login: GoogleTokens.Session.Login
  ) async throws(ProviderFailure) -> FetchedSecret {
    let name = try reader.name(of: reference)
    do throws(ProviderFailure) {
      return try await reader.read(name, login.credential)
    } catch {
      guard error.status == 401 else {
        throw error
      }
    }
    services.log.notice(
      "token not accepted, logging in anew", metadata: ["provider": "\(calls.failures.connection)"])
    let fresh = try await tokens.replacing(login)
    return try await reader.read(name, fresh.credential)
  }

  // MARK: - The document's words

  private static func address(
    _ text: String, _ variable: String, _ connection: ProviderConnection
  ) throws(DocumentFault) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw DocumentFault(connection.path("provider"), "the agent's variable \(variable) is not an address: \(error)")
    }
  }

  /// `generateAccessToken` of the account that the document names.
  private static func impersonation(
    _ connection: ProviderConnection, _ environment: GoogleEnvironment
  ) throws(DocumentFault) -> (account: String, url: HTTPURL)? {
    guard let account = connection.authentication.text("impersonate_service_account") else {
      return nil
    }
    let variable = GoogleVariable.iamCredentialsEndpoint
    let base = try address(environment.text(variable) ?? standardIAM, variable, connection)
    let path = base.appending(rawPath: "v1/projects/-/serviceAccounts")
    return (
      account,
      try address("\(path.origin)\(path.path)/\(account):generateAccessToken", variable, connection)
    )
  }
}
