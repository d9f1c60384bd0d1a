import ExecutionModel
import ProviderKit
import SecretBytes

/// The ways of one login to a token. Files and variables are read at each, since they rotate.
struct AzureCredential: Sendable {
  /// What makes two connections one identity for one resource, so that they share a token.
  private struct Identity: Hashable, Sendable {
    let login: AzureLogin
    let authority: String
    let resource: String
  }

  let login: AzureLogin
  /// Where tenants log in where ``AzureVariable/authorityHost`` does not say otherwise.
  let authority: String
  let connection: OpenConnection

  /// Whoever holds it keeps it shared.
  func tokens(for audience: KeyVaultAudience) -> Session<AzureAccessToken> {
    let identity = Identity(login: login, authority: authority, resource: audience.resource)
    return connection.services.shared.session(of: identity) {
      Session(over: connection) { () throws(ProviderFailure) in try await token(for: audience).grant }
    }
  }

  func token(for audience: KeyVaultAudience) async throws(ProviderFailure) -> AzureAccessToken {
    try await token(by: login, for: audience)
  }

  func checkAddresses() throws(ProviderFailure) {
    switch login {
    case .clientSecret, .workloadIdentity: try entra.checkAddresses()
    case .managedIdentity, .standard: break
    }
  }

  /// Whether the policy lets the login's own credential be read.
  func checkSource() throws(ProviderFailure) {
    if case .clientSecret(_, _, let secret) = login {
      try connection.check(secret)
    }
  }

  private var entra: EntraLogin { EntraLogin(standardAuthority: authority, connection: connection) }

  private func token(
    by login: AzureLogin, for audience: KeyVaultAudience
  ) async throws(ProviderFailure) -> AzureAccessToken {
    switch login {
    case .clientSecret(let tenant, let client, let secret):
      return try await entra.token(
        tenant: tenant, client: client, proof: .secret(try connection.credential(secret)), scope: audience.scope)
    case .managedIdentity(let clientID):
      return try await ManagedIdentity(clientID: clientID, connection: connection).token(for: audience.resource)
    case .workloadIdentity(let tenant, let client, let tokenFile):
      let tenant = try text(tenant, "tenant_id", AzureVariable.tenantID)
      let client = try text(client, "client_id", AzureVariable.clientID)
      let path = try text(tokenFile, "token_file", AzureVariable.federatedTokenFile)
      let token = try connection.credentialFile(path, named: "the federated token")
      return try await entra.token(tenant: tenant, client: client, proof: .assertion(token), scope: audience.scope)
    case .standard(let clientID):
      return try await firstThatIsThere(clientID, for: audience)
    }
  }

  /// The default order of Azure's SDKs, as far as it makes sense on a node without people
  /// (https://learn.microsoft.com/python/api/overview/azure/identity-readme#defaultazurecredential). What is there and fails ends
  /// the search: another identity would be a surprise.
  private func firstThatIsThere(
    _ clientID: String?, for audience: KeyVaultAudience
  ) async throws(ProviderFailure) -> AzureAccessToken {
    let environment = connection.services.environment
    let noPrincipal = [AzureVariable.tenantID, AzureVariable.clientID, AzureVariable.clientSecret].compactMap {
      environment.absence(of: $0)
    }
    if noPrincipal.isEmpty {
      let principal = AzureLogin.clientSecret(
        tenant: try text(nil, "tenant_id", AzureVariable.tenantID),
        client: try text(nil, "client_id", AzureVariable.clientID),
        secret: CredentialSource(.variable(AzureVariable.clientSecret), named: "environment"))
      return try await token(by: principal, for: audience)
    }
    let noWorkload = [AzureVariable.tenantID, AzureVariable.clientID, AzureVariable.federatedTokenFile].compactMap {
      environment.absence(of: $0)
    }
    if noWorkload.isEmpty {
      return try await token(by: .workloadIdentity(tenant: nil, client: nil, tokenFile: nil), for: audience)
    }
    do throws(ProviderFailure) {
      let identity = ManagedIdentity(clientID: clientID, connection: connection)
      return try await identity.token(for: audience.resource, probing: true)
    } catch {
      let why = error.status.map { "\(error.message) (status \($0))" } ?? error.message
      throw connection.failures.make(
        error.kind == .transient ? .denied : error.kind,
        "no Azure identity is there; environment: \(noPrincipal.joined(separator: ", ")); "
          + "workload identity: \(noWorkload.joined(separator: ", ")); managed identity: \(why)",
        hint: "write auth.method with its fields, or assign an identity to the machine")
    }
  }

  /// What the document gives, else the variable that stands in for it.
  private func text(
    _ given: String?, _ field: String, _ variable: String
  ) throws(ProviderFailure) -> String {
    if let given {
      return given
    }
    guard let value = try connection.credentialVariable(ifSet: variable) else {
      throw connection.failures.make(
        .denied, "auth.\(field) is not given, and the variable \(variable) is not set, or empty")
    }
    guard let text = value.unsafeString() else {
      throw connection.failures.make(.denied, "\(variable) is not text")
    }
    return text
  }
}
