import ExecutionModel
import Text

/// Who logs in: `auth.method` and its fields. Connections with equal logins are one identity.
enum AzureLogin: Sendable, Hashable {
  case clientSecret(tenant: String, client: String, secret: CredentialSource)
  /// `clientID`: of a user-assigned identity.
  case managedIdentity(clientID: String?)
  /// What is left out stands in the variables that the platform sets.
  case workloadIdentity(tenant: String?, client: String?, token: IdentityTokenSource?)
  /// `clientID`: of a user-assigned identity, should the chain come to one.
  case standard(clientID: String?)

  static let authentication = Authentication(
    isRequired: false, methods: [byClientSecret, byManagedIdentity, byWorkloadIdentity, byDefault],
    defaultMethod: byDefault.descriptor.name)

  private static let tenant = Field<String>(
    "tenant_id", .grammar(EntraLogin.tenant), required: true, "the tenant's id or domain")
  private static let client = Field<String>("client_id", .text, required: true, "the application's (client) id")
  private static let secret = Field<String>(
    "client_secret_env", .environmentVariable, required: true,
    "a variable of the agent that holds the client secret; read at each login")

  private static let byClientSecret = LoginMethod<AzureLogin>(
    "client_secret", aliases: ["service_principal"], "a service principal's secret, given to Entra ID's token endpoint",
    fields: [tenant.descriptor, client.descriptor, secret.descriptor]
  ) { values throws(FieldFault) in
    .clientSecret(
      tenant: try values.required(tenant), client: try values.required(client),
      secret: CredentialSource(.variable(try values.required(secret)), named: "auth.client_secret_env"))
  }

  private static let managedClient = Field<String>(
    "managed_identity_client_id", .text, "client id of a user-assigned identity; default: the system-assigned one")

  private static let byManagedIdentity = LoginMethod<AzureLogin>(
    "managed_identity", aliases: ["msi"],
    "the identity of the machine: instance metadata, App Service and Container Apps, or Azure Arc",
    fields: [managedClient.descriptor], identity: .azureManagedIdentity
  ) { .managedIdentity(clientID: $0[managedClient]) }

  private static let workloadTenant = Field<String>(
    "tenant_id", .grammar(EntraLogin.tenant), defaultsTo: AzureVariable.tenantID, "the tenant's id or domain")
  private static let workloadClient = Field<String>(
    "client_id", .text, defaultsTo: AzureVariable.clientID, "the application's (client) id")
  private static let tokenFile = Field<String>(
    "token_file", .identityFile, defaultsTo: AzureVariable.federatedTokenFile,
    "a file that holds the federated token; read at each login")

  private static let byWorkloadIdentity = LoginMethod<AzureLogin>(
    "workload_identity", aliases: ["federated"],
    "a federated token (Kubernetes and others), given to Entra ID's token endpoint",
    fields: [
      workloadTenant.descriptor, workloadClient.descriptor, tokenFile.descriptor, IdentityTokenSource.spiffe.descriptor,
    ], rules: [.atMostOne([tokenFile.descriptor.name, IdentityTokenSource.spiffe.descriptor.name])]
  ) { values in
    .workloadIdentity(
      tenant: values[workloadTenant], client: values[workloadClient],
      token: values[IdentityTokenSource.spiffe].map { .spiffe(audience: $0) }
        ?? values[tokenFile].map { .given(CredentialSource(.file($0), named: "the federated token")) })
  }

  private static let chainClient = Field<String>(
    "managed_identity_client_id", .text, defaultsTo: AzureVariable.clientID,
    "client id of a user-assigned identity, should the chain come to one")

  private static let byDefault = LoginMethod<AzureLogin>(
    "default", aliases: ["default_azure_credential"],
    "the first that is there of: variables of a service principal, workload identity, managed identity; "
      + "AZURE_TOKEN_CREDENTIALS may choose among them",
    fields: [chainClient.descriptor]
  ) { .standard(clientID: $0[chainClient]) }

  /// For reports, as `client_secret web`; no credential.
  var shown: String {
    let (method, id): (LoginMethod<AzureLogin>, String?) =
      switch self {
      case .clientSecret(_, let client, _): (Self.byClientSecret, client)
      case .managedIdentity(let clientID): (Self.byManagedIdentity, clientID)
      case .workloadIdentity(_, let client, _): (Self.byWorkloadIdentity, client)
      case .standard(let clientID): (Self.byDefault, clientID)
      }
    return [method.descriptor.name, id.map { ShownText.clean($0) }].compactMap(\.self).joined(separator: " ")
  }
}

/// The variables that Azure's SDKs read (https://learn.microsoft.com/python/api/overview/azure/identity-readme#environment-variables).
enum AzureVariable {
  static let tenantID = "AZURE_TENANT_ID"
  static let clientID = "AZURE_CLIENT_ID"
  static let clientSecret = "AZURE_CLIENT_SECRET"
  static let federatedTokenFile = "AZURE_FEDERATED_TOKEN_FILE"
  static let certificatePath = "AZURE_CLIENT_CERTIFICATE_PATH"
  static let password = "AZURE_PASSWORD"
  static let tokenCredentials = "AZURE_TOKEN_CREDENTIALS"
  static let authorityHost = "AZURE_AUTHORITY_HOST"
  static let metadataHost = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
  static let identityEndpoint = "IDENTITY_ENDPOINT"
  static let identityHeader = "IDENTITY_HEADER"
  static let identityThumbprint = "IDENTITY_SERVER_THUMBPRINT"
  static let arcEndpoint = "IMDS_ENDPOINT"
}
