import HTTPTransport

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
    self.tenant = Self.firstSegment(ofPathIn: authority)
    self.resource = parameters["scope"].map(Self.withoutDefaultScope) ?? parameters["resource"]
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

  private static func firstSegment(ofPathIn address: String) -> String? {
    guard let url = try? HTTPURL(parsing: address) else {
      return nil
    }
    return url.path.split(separator: "/").first.map { String($0) }
  }

  private static func withoutDefaultScope(_ scope: String) -> String {
    scope.hasSuffix("/.default") ? String(scope.dropLast("/.default".count)) : scope
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
    guard let resource = try? HTTPURL(parsing: text), resource.path == "/", resource.query == nil else {
      return nil
    }
    self.resource = text
    self.tenant = challenge.tenant
    let isOwn =
      vault.isLoopbackHost
      ? resource.isLoopbackHost
      : resource.scheme == .https && resource.port == 443 && resource.host.hasPrefix("vault.")
        && vault.host.hasSuffix(".\(resource.host)")
    guard isOwn else {
      return nil
    }
  }

  /// What `challenge` asks a token for; where it does not say, what all vaults of the cloud do.
  static func resource(of challenge: KeyVaultChallenge, _ vault: HTTPURL) -> String {
    var text = challenge.resource ?? AzureCloud.of(vault).resource
    while text.hasSuffix("/") {
      text.removeLast()
    }
    return text
  }
}
