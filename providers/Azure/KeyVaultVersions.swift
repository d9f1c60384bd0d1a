import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// The list of a secret's versions (https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret-versions): in no promised order,
/// in pages that the service links.
extension KeyVault {
  private struct Version {
    let id: String
    /// Unix time, whole seconds.
    let created: Int64
    let isEnabled: Bool
  }

  /// At 25 versions a page, as many as a vault keeps of one secret without being slowed down (500), and as many again.
  private static let mostPages = 40

  /// The newest enabled version made before the one named `id`; `nil` where there is none. Of versions of the same second the list
  /// does not tell which came first: another one counts as made before.
  func version(
    before id: String, of lookup: Lookup, token: SecretBytes, tenant: String?
  ) async throws(ProviderFailure) -> String? {
    let versions = try await versions(of: lookup, token, tenant)
    guard let own = versions.first(where: { $0.id == id }) else {
      throw connection.failures.make(
        .transient, "the version that was read is not in the list of versions", reference: lookup.description)
    }
    return versions.filter { $0.isEnabled && $0.id != id && $0.created <= own.created }
      .max { $0.created < $1.created }?.id
  }

  private func versions(
    of lookup: Lookup, _ token: SecretBytes, _ tenant: String?
  ) async throws(ProviderFailure) -> [Version] {
    var versions: [Version] = []
    var url = address.appending(rawPath: "secrets/\(lookup.name)/versions").with(query: [
      ("api-version", Self.apiVersion)
    ])
    for _ in 0..<Self.mostPages {
      let request = connection.request(.get, url, [HTTPHeader("Accept", "application/json"), .bearer(token)])
      let json = try connection.json(
        try await send(request, about: lookup, tenant: tenant), of: "Key Vault", namedBy: "vault_url",
        about: lookup.description)
      versions += json.member("value")?.elements.compactMap { Self.version($0) } ?? []
      guard let link = json.member("nextLink")?.text, !link.isEmpty else {
        return versions
      }
      url = try next(link, lookup)
    }
    throw connection.failures.make(
      .malformed, "the list of its versions has no end after \(Self.mostPages) pages", reference: lookup.description)
  }

  private static func version(_ item: JSONValue) -> Version? {
    guard let id = version(item.member("id")?.text), let attributes = item.member("attributes"),
      let created = attributes.member("created")?.int64
    else {
      return nil
    }
    return Version(id: id, created: created, isEnabled: attributes.member("enabled")?.boolean ?? true)
  }

  /// The token goes to the vault only, whatever a link says.
  private func next(_ link: String, _ lookup: Lookup) throws(ProviderFailure) -> HTTPURL {
    guard let url = try? HTTPURL(parsing: link), url.origin == address.origin else {
      throw connection.failures.make(
        .malformed, "the list of its versions goes on at another address than the vault's",
        reference: lookup.description, hint: "check vault_url; it must be the vault's own name")
    }
    return url
  }
}
