import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// Reads versions of secrets
/// (https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access).
struct SecretManagerReader: Sendable {
  let connection: OpenConnection
  /// A failure where the agent's variable for it is no address.
  let endpoint: Result<HTTPURL, ProviderFailure>

  init(_ settings: GCPSecretManagerProvider.Connection, over connection: OpenConnection) {
    self.connection = connection
    endpoint = Result { () throws(ProviderFailure) in
      if let given = settings.endpoint {
        return given
      }
      return try connection.address(settings.parent.standardEndpoint, unlessIn: GoogleVariable.secretManagerEndpoint)
    }
  }

  func read(_ name: SecretVersionName, _ token: GoogleAccessToken) async throws(ProviderFailure) -> FetchedSecret {
    let url = try connection.method("v1/\(name.path)", ":access", of: try endpoint.get(), about: name.path)
    let request = connection.request(.get, url, try headers(token))
    let sentAt = connection.services.time.now
    let response = try await connection.send(request, about: name.path) { response in
      guard response.status == 200 else {
        return .fail(refusal(response, name, to: token.principal))
      }
      // A payload that was spoilt on its way is worth another attempt.
      do throws(ProviderFailure) {
        _ = try secret(in: response, name, from: url, sentAt)
        return .accept
      } catch {
        return .fail(error)
      }
    }
    return try secret(in: response, name, from: url, sentAt)
  }

  func headers(_ token: GoogleAccessToken) throws(ProviderFailure) -> [HTTPHeader] {
    let headers = [HTTPHeader("Accept", "application/json"), .bearer(token.value)]
    guard let project = connection.text(of: GoogleVariable.quotaProject) ?? token.quotaProject else {
      return headers
    }
    guard SecretParent.isProject(project) else {
      throw connection.failures.make(
        .denied, "the quota project is not the id of one",
        hint: "check \(GoogleVariable.quotaProject), and quota_project_id of the credential file")
    }
    return headers + [.quotaProject(project)]
  }

  private func secret(
    in response: HTTPResponse, _ name: SecretVersionName, from url: HTTPURL, _ sentAt: Moment
  ) throws(ProviderFailure) -> FetchedSecret {
    func failure(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      connection.failure(kind, message, response, about: name.path, hint: hint)
    }
    let json = try connection.json(response, of: "Secret Manager", namedBy: url.origin, about: name.path)
    guard let payload = json.member("payload"), let text = payload.member("data")?.secret else {
      throw failure(.malformed, "the answer has no payload.data", "check that \(url.origin) is Secret Manager")
    }
    guard let data = Base64.decode(text) else {
      throw failure(.transient, "payload.data is not base64")
    }
    // 64-bit integers are strings in Google's JSON.
    if let sum = payload.member("dataCrc32c"), !sum.isNull,
      sum.int64 ?? sum.text.flatMap({ Int64($0) }) != Int64(CRC32C.checksum(data))
    {
      throw failure(
        .transient, "the payload does not match its checksum (dataCrc32c)", "it was altered on its way")
    }
    return FetchedSecret(payload: data, version: Self.version(json.member("name")?.text), fetchedAt: sentAt)
  }

  /// The number that `latest` or an alias stood for: the end of `projects/1/secrets/db/versions/3`.
  static func version(_ name: String?) -> String? {
    guard let last = name?.split(separator: "/").last, (1...20).contains(last.utf8.count),
      last.utf8.allSatisfy(\.isDigit)
    else {
      return nil
    }
    return String(last)
  }
}
