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

  /// Whether the policy lets the login's own credential be read, and the agent has one of those that the environment asks for.
  func checkSource() throws(ProviderFailure) {
    switch login {
    case .clientSecret(_, _, let secret): try takeUpSecret(secret)
    case .standard(let clientID): try AzureChain(clientID: clientID, credential: self).takeUp()
    case .managedIdentity: try connection.takeUp(.identity(.azureManagedIdentity))
    case .workloadIdentity(_, _, let token): try takeUpWorkloadIdentity(token)
    }
  }

  /// - Parameter token: the one that the document gives; `nil`: the one that the environment names, if it does.
  func takeUpWorkloadIdentity(_ token: IdentityTokenSource?) throws(ProviderFailure) {
    try entra.leads()
    try connection.takeUp(.identity(.azureWorkloadIdentity))
    if let token {
      try connection.check(token)
    } else if let path = connection.services.environment.read(AzureVariable.federatedTokenFile).text {
      try connection.takeUp(.file(path))
    }
  }

  /// - Parameter secret: of a service principal.
  func takeUpSecret(_ secret: CredentialSource) throws(ProviderFailure) {
    try entra.leads()
    try connection.check(secret)
  }

  private var entra: EntraLogin { EntraLogin(standardAuthority: authority, connection: connection) }

  func token(
    by login: AzureLogin, for audience: KeyVaultAudience
  ) async throws(ProviderFailure) -> AzureAccessToken {
    switch login {
    case .clientSecret(let tenant, let client, let secret):
      return try await entra.token(
        tenant: tenant, client: client, proof: .secret(try connection.credential(secret)), scope: audience.scope)
    case .managedIdentity(let clientID):
      try connection.takeUp(.identity(.azureManagedIdentity))
      return try await ManagedIdentity(clientID: clientID, connection: connection).token(for: audience.resource)
    case .workloadIdentity(let tenant, let client, let given):
      let tenant = try text(tenant, "tenant_id", AzureVariable.tenantID)
      let client = try text(client, "client_id", AzureVariable.clientID)
      try takeUpWorkloadIdentity(given)
      let source = if let given { given } else { try federatedTokenFile() }
      let token = try await connection.identityToken(source, for: ["api://AzureADTokenExchange"])
      return try await entra.token(tenant: tenant, client: client, proof: .assertion(token), scope: audience.scope)
    case .standard(let clientID):
      return try await AzureChain(clientID: clientID, credential: self).token(for: audience)
    }
  }

  private func federatedTokenFile() throws(ProviderFailure) -> IdentityTokenSource {
    guard connection.workloadTokens == nil else {
      return .workload
    }
    let path = try text(nil, "token_file", AzureVariable.federatedTokenFile)
    return .given(CredentialSource(.file(path), named: "the federated token"))
  }

  /// What the document gives, else the variable that stands in for it.
  func text(
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
