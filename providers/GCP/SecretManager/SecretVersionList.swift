import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// The list of a secret's versions
/// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/list): newest first, in pages.
extension SecretManagerReader {
  private static let pageSize = "1000"
  /// A secret has as many versions as somebody added.
  private static let mostPages = 25

  /// The newest enabled version with a smaller number than `number`; `nil` where there is none.
  func enabledVersion(
    before number: Int64, of name: SecretVersionName, _ token: GoogleAccessToken
  ) async throws(ProviderFailure) -> Int64? {
    var query = [("pageSize", Self.pageSize)]
    for _ in 0..<Self.mostPages {
      let page = try await page(of: name, query, token)
      let numbers = page.member("versions")?.elements.compactMap { Self.enabledNumber($0) } ?? []
      if let newest = numbers.filter({ $0 < number }).max() {
        return newest
      }
      guard let next = page.member("nextPageToken")?.text, !next.isEmpty else {
        return nil
      }
      query = [("pageSize", Self.pageSize), ("pageToken", next)]
    }
    throw connection.failures.make(
      .malformed, "the list of its versions has no end after \(Self.mostPages) pages", reference: name.description)
  }

  private static func enabledNumber(_ version: JSONValue) -> Int64? {
    guard version.member("state")?.text == "ENABLED" else {
      return nil
    }
    return Self.version(version.member("name")?.text).flatMap { Int64($0) }
  }

  private func page(
    of name: SecretVersionName, _ query: [(String, String)], _ token: GoogleAccessToken
  ) async throws(ProviderFailure) -> JSONValue {
    let url = try endpoint.get().appending(rawPath: "v1/\(name.allVersions)").with(query: query)
    let request = connection.request(.get, url, try headers(token))
    let response = try await connection.send(request, about: name.path) { response in
      response.status == 200 ? .accept : .fail(listRefusal(response, name, to: token.principal))
    }
    return try connection.json(response, of: "Secret Manager", namedBy: url.origin, about: name.path)
  }

  /// Accessors of secrets may not list versions by that role.
  private func listRefusal(
    _ response: HTTPResponse, _ name: SecretVersionName, to principal: String
  ) -> ProviderFailure {
    let failure = refusal(response, name, to: principal)
    guard failure.kind == .denied, response.status == 403 else {
      return failure
    }
    return connection.failure(
      .denied, "the version before is not enabled, and the secret's versions may not be listed", response,
      about: name.path, from: failure.source,
      hint: "grant \(principal) roles/secretmanager.viewer on it, or enable the version before")
  }
}
