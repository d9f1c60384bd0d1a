import ExecutionModel

/// Variables that authentication reads: who has them has the agent's own rights, and a child has no business with those.
enum CredentialVariables {
  /// What the clouds' and Vault's own clients take credentials from, or the way to them. Places and names that lead nowhere by
  /// themselves (a region, a profile, a tenant's or client's id, an address) stay.
  static let wellKnown = [
    "VAULT_TOKEN", "BAO_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "CREDENTIALS_DIRECTORY", "VAULT_CLIENT_KEY",
    "BAO_CLIENT_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AZURE_CLIENT_SECRET",
    "ARM_CLIENT_SECRET", "AWS_BEARER_TOKEN_BEDROCK", "AWS_SECRET_KEY",
    "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET",
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
  ]

  /// All that `execution` may be authenticated by: the well-known ones, and those that its document names.
  static func all(of execution: Execution) -> [String] {
    wellKnown
      + execution.providers.flatMap { provider -> [String] in
        let method = provider.descriptor.authentication?.methods.first { $0.name == provider.values.method }
        return (method?.fields ?? []).filter { $0.kind == .environmentVariable }
          .compactMap { provider.values.authentication[$0.name].flatMap { String($0) } }
      }
  }
}
