import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// The token of another issuer that Google exchanges for its own. Got anew for each exchange, since it rotates.
struct SubjectToken: Sendable {
  let connection: OpenConnection

  func fetch(for account: ExternalAccount) async throws(ProviderFailure) -> SecretBytes {
    switch account.source {
    case .file(let path, let member):
      let name = "credential_source.file"
      let content = try connection.content(ofCredentialFile: path, named: name)
      return try token(in: content, member, "\(name): \(ShownText.clean(path))")
    case .address(let url, let headers, let member):
      let name = "credential_source.url: \(ShownText.clean(url.origin))"
      return try token(in: try await served(url, headers, name), member, name)
    case .identity(let source):
      return try await connection.identityToken(source, for: [account.audience, "https:\(account.audience)"])
    case .aws(let source):
      var identity = AWSIdentity(source: source, connection: connection)
      return try await identity.token(for: account.audience)
    }
  }

  /// Clouds serve such tokens on the machine itself, as Azure's instance metadata.
  private func served(
    _ url: HTTPURL, _ headers: [HTTPHeader], _ name: String
  ) async throws(ProviderFailure) -> SecretBytes {
    try await connection.send(connection.request(.get, url, headers), by: .machine(url), login: name) { response in
      switch response.status {
      case 200: .accept
      case 408, 429, 500...599: .fail(connection.failure(.transient, "\(name) gives no token", response))
      default:
        .fail(
          connection.failure(
            .denied, "\(name) gives no token", response, from: .node,
            hint: "check the url and headers of the credential file"))
      }
    }.body
  }

  private func token(
    in content: SecretBytes, _ member: String?, _ name: String
  ) throws(ProviderFailure) -> SecretBytes {
    var token = content.trimmed
    if let member {
      let json: JSONValue
      do throws(JSONFault) {
        json = try JSONValue.parse(content, limits: .payload)
      } catch {
        throw connection.failures.make(.denied, "\(name) is not JSON: \(error)")
      }
      guard let value = json.member(member)?.secret else {
        throw connection.failures.make(
          .denied, "\(name) has no text \(ShownText.clean(member))", hint: "check subject_token_field_name")
      }
      token = value
    }
    guard !token.isEmpty, token.isValidUTF8 else {
      throw connection.failures.make(.denied, "\(name) \(token.isEmpty ? "is empty" : "is not text")")
    }
    return token.detached()
  }
}
