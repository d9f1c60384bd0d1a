import ExecutionModel
import ProviderKit
import SecretBytes

/// The ways of one identity to a token: `auth.method` and its fields. Files and variables are read at each login, since they rotate.
struct AzureCredential: Sendable {
  /// What makes two connections one identity for one resource, so that they share a token.
  struct Identity: Hashable, Sendable {
    let method: AzureMethod
    let fields: FieldValues
    let standardAuthority: String
    let resource: String
  }

  let method: AzureMethod
  let fields: FieldValues
  let standardAuthority: String
  let services: ProviderServices
  let failures: FailureMaker
  let environment: AzureEnvironment

  init(_ connection: ProviderConnection, cloud: AzureCloud, services: ProviderServices) {
    self.method = connection.method.flatMap(AzureMethod.init(rawValue:)) ?? .standard
    self.fields = connection.authentication
    self.standardAuthority = cloud.authority
    self.services = services
    self.failures = FailureMaker(connection: connection.name)
    self.environment = AzureEnvironment(environment: services.environment)
  }

  func identity(for resource: String) -> Identity {
    Identity(method: method, fields: fields, standardAuthority: standardAuthority, resource: resource)
  }

  /// Who logs in, for reports; no credential.
  var shownIdentity: String {
    let id = fields.text("client_id") ?? fields.text("managed_identity_client_id")
    return method.rawValue + (id.map { " \(DocumentPath.shown($0))" } ?? "")
  }

  /// The tenant that tokens are of, as far as the document says.
  var tenant: String? { fields.text("tenant_id") }

  func token(for audience: KeyVaultAudience) async throws(ProviderFailure) -> AzureAccessToken {
    switch method {
    case .clientSecret:
      return try await entra.token(
        tenant: fields.text("tenant_id") ?? "", client: fields.text("client_id") ?? "",
        proof: .secret(try variable(fields.text("client_secret_env") ?? "", "auth.client_secret_env: ")),
        scope: audience.scope)
    case .managedIdentity:
      return try await managedIdentity.token(for: audience.resource)
    case .workloadIdentity:
      return try await workloadIdentity(audience.scope)
    case .standard:
      return try await firstThatIsThere(audience)
    }
  }

  func checkAddresses() throws(ProviderFailure) {
    switch method {
    case .clientSecret, .workloadIdentity: try entra.checkAddresses()
    case .managedIdentity, .standard: break
    }
  }

  private var entra: EntraLogin {
    EntraLogin(
      standardAuthority: standardAuthority, environment: environment, services: services, failures: failures)
  }

  private var managedIdentity: ManagedIdentity {
    ManagedIdentity(
      clientID: fields.text("managed_identity_client_id"), environment: environment, services: services,
      failures: failures)
  }

  private func workloadIdentity(_ scope: String) async throws(ProviderFailure) -> AzureAccessToken {
    let tenant = try text("tenant_id", AzureVariable.tenantID)
    let client = try text("client_id", AzureVariable.clientID)
    let path = try text("token_file", AzureVariable.federatedTokenFile)
    return try await entra.token(
      tenant: tenant, client: client, proof: .assertion(try file(path)), scope: scope)
  }

  /// The default order of Azure's SDKs, as far as it makes sense on a node without people
  /// (https://learn.microsoft.com/python/api/overview/azure/identity-readme#defaultazurecredential). What is there and fails ends
  /// the search: another identity would be a surprise.
  private func firstThatIsThere(_ audience: KeyVaultAudience) async throws(ProviderFailure) -> AzureAccessToken {
    let principal = [AzureVariable.tenantID, AzureVariable.clientID, AzureVariable.clientSecret]
    let noPrincipal = principal.compactMap { environment.absence($0) }
    if noPrincipal.isEmpty {
      return try await entra.token(
        tenant: try variable(AzureVariable.tenantID).unsafeString() ?? "",
        client: try variable(AzureVariable.clientID).unsafeString() ?? "",
        proof: .secret(try variable(AzureVariable.clientSecret)), scope: audience.scope)
    }
    let workload = [AzureVariable.tenantID, AzureVariable.clientID, AzureVariable.federatedTokenFile]
    let noWorkload = workload.compactMap { environment.absence($0) }
    if noWorkload.isEmpty {
      return try await workloadIdentity(audience.scope)
    }
    do throws(ProviderFailure) {
      return try await managedIdentity.token(for: audience.resource, probing: true)
    } catch {
      let why = error.message + (error.status.map { " (status \($0))" } ?? "")
      throw failures.make(
        error.kind == .transient ? .denied : error.kind,
        "no Azure identity is there; environment: \(noPrincipal.joined(separator: ", ")); "
          + "workload identity: \(noWorkload.joined(separator: ", ")); managed identity: \(why)",
        hint: "write auth.method with its fields, or assign an identity to the machine")
    }
  }

  // MARK: - Credentials

  /// A field of the document, else the variable that stands in for it.
  private func text(_ field: String, _ name: String) throws(ProviderFailure) -> String {
    if let given = fields.text(field) {
      return given
    }
    guard let value = try variable(name, "auth.\(field) is not given, and ").unsafeString() else {
      throw failures.make(.denied, "\(name) is not text")
    }
    return value
  }

  private func variable(_ name: String, _ prefix: String = "") throws(ProviderFailure) -> SecretBytes {
    switch environment.read(name) {
    case .value(let value): return value
    case .refused(let refusal): throw failures.refused(refusal)
    case .unset: throw failures.make(.denied, "\(prefix)the variable \(name) is not set, or empty")
    }
  }

  private func file(_ path: String) throws(ProviderFailure) -> SecretBytes {
    let content: SecretBytes
    do {
      content = try services.files.credential(path)
    } catch {
      throw failures.file(error, "the federated token")
    }
    let token = content.trimmed
    guard !token.isEmpty, token.isValidUTF8 else {
      let fault = token.isEmpty ? "is empty" : "is not text"
      throw failures.make(.denied, "the federated token: \(DocumentPath.shown(path)) \(fault)")
    }
    return token
  }
}
