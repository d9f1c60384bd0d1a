import HTTPTransport
import Text

/// What a vault answers to a call without a token (https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses#authentication):
/// `Bearer authorization="https://login.microsoftonline.com/{tenant}", resource="https://vault.azure.net"`.
struct KeyVaultChallenge: Sendable, Equatable {
  /// Longest header that is read, in bytes.
  static let longest = 8 * 1024

  /// `resource`, or `scope` without `/.default`; `nil` where the challenge names neither.
  let resource: String?
  /// The tenant that the vault trusts: told in messages, and nothing is sent to the address that it came with.
  let tenant: String?

  /// - Returns: `nil` for a header that is no bearer challenge.
  init?(_ header: String) {
    guard header.utf8.count <= Self.longest else {
      return nil
    }
    let parts = header.drop { $0 == " " }.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else {
      return nil
    }
    let parameters = Self.parameters(parts[1])
    guard let authority = parameters["authorization"] ?? parameters["authorization_uri"] else {
      return nil
    }
    tenant = (try? HTTPURL(parsing: authority))?.path.split(separator: "/").first.map { String($0) }
    resource =
      parameters["scope"].map { $0.hasSuffix("/.default") ? String($0.dropLast("/.default".count)) : $0 }
      ?? parameters["resource"]
  }

  /// `name="value"` and `name=value`, separated by commas (RFC 9110 §11.2); names in lower case, the first of a name counts.
  private static func parameters(_ text: Substring) -> [String: String] {
    var parameters: [String: String] = [:]
    var rest = text
    while let equals = rest.firstIndex(of: "=") {
      let name = rest[..<equals].drop { $0 == " " || $0 == "," || $0 == "\t" }.lowercased()
      rest = rest[rest.index(after: equals)...].drop { $0 == " " }
      let end: Substring.Index
      if rest.first == "\"" {
        rest = rest.dropFirst()
        end = rest.firstIndex(of: "\"") ?? rest.endIndex
      } else {
        end = rest.firstIndex { $0 == "," || $0 == " " } ?? rest.endIndex
      }
      if !name.isEmpty, parameters[name] == nil {
        parameters[name] = String(rest[..<end])
      }
      rest = rest[end...].drop { $0 == "\"" }
    }
    return parameters
  }

}

/// What tokens for one vault are to be for, once its challenge was held against its address.
struct KeyVaultAudience: Sendable, Hashable {
  /// As `https://vault.azure.net`.
  let resource: String
  /// The tenant that the vault trusts, as far as it said.
  let tenant: String?

  /// The v2.0 endpoint's name of the resource.
  var scope: String { "\(resource)/.default" }

  /// Holds a challenge against the vault that made it, so that no vault can ask for another service's token: the host of the
  /// resource must be the domain that the vault's own name ends in (https://aka.ms/azsdk/blog/vault-uri), and its first label
  /// `vault`, as in all clouds: names below Microsoft's domains can be had by anybody, and other services have tokens too.
  ///
  /// A vault on loopback (a fake, an emulator) has no such name: it may ask for a token for loopback, which is good nowhere else.
  /// Whatever listens there never sees one that opens a real vault.
  init?(_ challenge: KeyVaultChallenge, of vault: HTTPURL) {
    let text = Self.resource(of: challenge, vault)
    guard
      let resource = try? HTTPURL(parsing: text), resource.path == "/", resource.query == nil,
      vault.isLoopbackHost
        ? resource.isLoopbackHost
        : resource.scheme == .https && resource.port == 443 && resource.host.hasPrefix("vault.")
          && vault.host.hasSuffix(".\(resource.host)")
    else {
      return nil
    }
    self.resource = text
    tenant = challenge.tenant
  }

  /// What `challenge` asks a token for; where it does not say, what all vaults of the cloud do.
  static func resource(of challenge: KeyVaultChallenge, _ vault: HTTPURL) -> String {
    var text = challenge.resource ?? "https://\(AzureCloud.of(vault).vaultDomain)"
    while text.hasSuffix("/") {
      text.removeLast()
    }
    return text
  }
}

/// Azure's clouds: public, operated by 21Vianet in China, US Government, and Germany's former one
/// (https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers).
struct AzureCloud: Sendable {
  /// What vaults' names end in, and the host of the resource that their tokens are for.
  let vaultDomain: String
  /// Where its tenants log in.
  let authority: String

  private static let global = AzureCloud(
    vaultDomain: "vault.azure.net", authority: "https://login.microsoftonline.com")

  private static let others = [
    AzureCloud(vaultDomain: "vault.azure.cn", authority: "https://login.chinacloudapi.cn"),
    AzureCloud(vaultDomain: "vault.usgovcloudapi.net", authority: "https://login.microsoftonline.us"),
    AzureCloud(vaultDomain: "vault.microsoftazure.de", authority: "https://login.microsoftonline.de"),
  ]

  /// The cloud of a vault by its name; the public one where the name tells nothing.
  static func of(_ vault: HTTPURL) -> AzureCloud {
    others.first { vault.host.hasSuffix(".\($0.vaultDomain)") } ?? global
  }
}
