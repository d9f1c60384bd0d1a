import NodePolicy
import ProviderKit
import SecretBytes

/// The variables that Azure's SDKs read (https://learn.microsoft.com/python/api/overview/azure/identity-readme#environment-variables).
enum AzureVariable {
  static let tenantID = "AZURE_TENANT_ID"
  static let clientID = "AZURE_CLIENT_ID"
  static let clientSecret = "AZURE_CLIENT_SECRET"
  static let federatedTokenFile = "AZURE_FEDERATED_TOKEN_FILE"
  static let authorityHost = "AZURE_AUTHORITY_HOST"
  static let metadataHost = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
  static let identityEndpoint = "IDENTITY_ENDPOINT"
  static let identityHeader = "IDENTITY_HEADER"
  static let identityThumbprint = "IDENTITY_SERVER_THUMBPRINT"
  static let arcEndpoint = "IMDS_ENDPOINT"
}

/// Azure's variables, as far as the node policy lets authentication read them.
struct AzureEnvironment: Sendable {
  /// What a variable gives.
  enum Reading: Sendable {
    case value(SecretBytes)
    case unset
    case refused(PolicyRefusal)
  }

  let environment: NodeEnvironment

  func read(_ name: String) -> Reading {
    do throws(PolicyRefusal) {
      guard let value = try environment.credential(name)?.trimmed, !value.isEmpty else {
        return .unset
      }
      return .value(value)
    } catch {
      return .refused(error)
    }
  }

  /// The variable's bytes; `nil` where it is not set, or may not be read.
  func secret(_ name: String) -> SecretBytes? {
    if case .value(let value) = read(name) { value } else { nil }
  }

  /// The variable's text, for what is no credential: ids, addresses, paths.
  func text(_ name: String) -> String? {
    secret(name)?.unsafeString()
  }

  /// Why ``secret(_:)`` has nothing to give, as `AZURE_CLIENT_ID is not set`; `nil` where it has.
  func absence(_ name: String) -> String? {
    switch read(name) {
    case .value: nil
    case .unset: "\(name) is not set"
    case .refused(let refusal): refusal.message
    }
  }
}
