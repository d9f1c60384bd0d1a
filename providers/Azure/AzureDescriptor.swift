import ExecutionModel

extension ProviderDescriptor {
  /// `azure_key_vault`: secrets of Azure Key Vault (https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret).
  static let azureKeyVault = ProviderDescriptor(
    type: "azure_key_vault",
    summary: "Azure Key Vault: secrets, by a service principal, a workload identity or a managed identity",
    connection: [
      FieldDescriptor("vault_url", .origin, required: true, "the vault, as https://shop.vault.azure.net")
    ],
    authentication: AuthenticationDescriptor(
      isRequired: false, methods: [.clientSecret, .managedIdentity, .workloadIdentity, .defaultChain],
      defaultMethod: AzureMethod.standard.rawValue),
    lookup: [
      FieldDescriptor("secret_name", .grammar(KeyVaultLookup.name), required: true, "name of the secret"),
      FieldDescriptor("version", .version(.identifier), "version of the secret; pinned, so never refreshed"),
    ],
    pinningFields: ["version"])
}

/// The names of `auth.method`.
enum AzureMethod: String, Sendable {
  case clientSecret = "client_secret"
  case managedIdentity = "managed_identity"
  case workloadIdentity = "workload_identity"
  case standard = "default"
}

extension AuthenticationMethod {
  fileprivate static let clientSecret = AuthenticationMethod(
    AzureMethod.clientSecret.rawValue, aliases: ["service_principal"],
    "a service principal's secret, given to Entra ID's token endpoint",
    fields: [
      FieldDescriptor("tenant_id", .grammar(EntraLogin.tenant), required: true, "the tenant's id or domain"),
      FieldDescriptor("client_id", .text, required: true, "the application's (client) id"),
      FieldDescriptor(
        "client_secret_env", .environmentVariable, required: true,
        "a variable of the agent that holds the client secret; read at each login"),
    ])

  fileprivate static let managedIdentity = AuthenticationMethod(
    AzureMethod.managedIdentity.rawValue, aliases: ["msi"],
    "the identity of the machine: instance metadata, App Service and Container Apps, or Azure Arc",
    fields: [
      FieldDescriptor(
        "managed_identity_client_id", .text, "client id of a user-assigned identity; default: the system-assigned one")
    ])

  fileprivate static let workloadIdentity = AuthenticationMethod(
    AzureMethod.workloadIdentity.rawValue, aliases: ["federated"],
    "a federated token (Kubernetes and others), given to Entra ID's token endpoint",
    fields: [
      FieldDescriptor(
        "tenant_id", .grammar(EntraLogin.tenant), defaultsTo: AzureVariable.tenantID, "the tenant's id or domain"),
      FieldDescriptor("client_id", .text, defaultsTo: AzureVariable.clientID, "the application's (client) id"),
      FieldDescriptor(
        "token_file", .file, defaultsTo: AzureVariable.federatedTokenFile,
        "a file that holds the federated token; read at each login"),
    ])

  fileprivate static let defaultChain = AuthenticationMethod(
    AzureMethod.standard.rawValue, aliases: ["default_azure_credential"],
    "the first that is there of: variables of a service principal, workload identity, managed identity",
    fields: [
      FieldDescriptor(
        "managed_identity_client_id", .text, "client id of a user-assigned identity, should the chain come to one")
    ])
}
