import HTTPTransport

/// Azure's clouds: public, operated by 21Vianet in China, US Government, and Germany's former one
/// (https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers).
struct AzureCloud: Sendable, Equatable {
  /// What vaults' names end in, and the host of the resource that their tokens are for.
  let vaultDomain: String
  /// Where its tenants log in.
  let authority: String

  static let global = AzureCloud(vaultDomain: "vault.azure.net", authority: "https://login.microsoftonline.com")

  static let all = [
    global,
    AzureCloud(vaultDomain: "vault.azure.cn", authority: "https://login.chinacloudapi.cn"),
    AzureCloud(vaultDomain: "vault.usgovcloudapi.net", authority: "https://login.microsoftonline.us"),
    AzureCloud(vaultDomain: "vault.microsoftazure.de", authority: "https://login.microsoftonline.de"),
  ]

  /// The cloud of a vault by its name; the public one where the name tells nothing.
  static func of(_ vault: HTTPURL) -> AzureCloud {
    all.first { vault.host.hasSuffix(".\($0.vaultDomain)") } ?? global
  }

  /// What a token is for where the vault's challenge does not say.
  var resource: String { "https://\(vaultDomain)" }
}
