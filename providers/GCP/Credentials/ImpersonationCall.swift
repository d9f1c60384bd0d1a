import EventLoop
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// `generateAccessToken` of the IAM Credentials API
/// (https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken).
struct ImpersonationCall: Sendable {
  let connection: OpenConnection
  let impersonation: Impersonation
  /// Of who acts as the account.
  let source: GoogleAccessToken

  private var principal: String { "service account \(impersonation.principal)" }

  func token(scope: String) async throws(ProviderFailure) -> GoogleAccessToken {
    var headers = [HTTPHeader("Content-Type", "application/json"), .bearer(source.value)]
    if let project = source.quotaProject {
      headers.append(.quotaProject(project))
    }
    let request = connection.request(.post, impersonation.url, headers, body: body(scope))
    let time = connection.services.time
    let sentAt = time.now
    let response = try await connection.send(request, login: "acting as \(principal)") {
      $0.status == 200 ? .accept : .fail(refusal($0))
    }
    guard
      let json = connection.json(ifAny: response), let value = json.member("accessToken")?.secret,
      let end = json.member("expireTime")?.text.flatMap({ CivilTime(internetText: $0)?.unixTime })
    else {
      throw connection.failure(
        .malformed, "acting as \(principal): the answer has no token", response,
        hint: "check that \(impersonation.url.host) is the IAM Credentials API")
    }
    let (left, overflow) = end.subtractingReportingOverflow(time.unixTime)
    guard
      // A node's clock that is behind must not make the token live longer than was asked for.
      !overflow,
      let token = GoogleAccessToken(
        value, seconds: min(left, impersonation.lifetime), issuedAt: sentAt, principal: principal,
        quotaProject: impersonation.quotaProject)
    else {
      throw connection.failure(
        .malformed, "acting as \(principal): the token cannot be used, or has ended by the node's clock", response,
        from: .service,
        hint: "set the node's clock")
    }
    return token
  }

  private func body(_ scope: String) -> SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    if !impersonation.delegates.isEmpty {
      json.name("delegates")
      json.beginArray()
      for delegate in impersonation.delegates {
        json.string(delegate)
      }
      json.endArray()
    }
    json.name("scope")
    json.beginArray()
    json.string(scope)
    json.endArray()
    json.member("lifetime", "\(impersonation.lifetime)s")
    json.endObject()
    return json.finish()
  }

  private func refusal(_ response: HTTPResponse) -> ProviderFailure {
    let error = GoogleError(connection.json(ifAny: response))
    func failure(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      connection.failure(
        kind, "acting as \(principal): \(message)\(error.shown)", response,
        from: error.isThere ? .service : .stranger, hint: hint)
    }
    switch response.status {
    case 400...404 where !error.isThere:
      return failure(
        .malformed, "this is not the IAM Credentials API's answer", "check \(impersonation.url.origin)")
    case 403 where error.reason == "SERVICE_DISABLED":
      return failure(.denied, "the IAM Credentials API is not enabled", "enable iamcredentials.googleapis.com")
    case 401:
      return failure(.denied, "the token of \(source.principal) is not accepted", "check the source credential")
    case 403, 404:
      return failure(
        .denied, "not allowed, or no such account",
        "grant \(source.principal) the role roles/iam.serviceAccountTokenCreator on it"
          + (impersonation.delegates.isEmpty ? "" : ", and each delegate on the next"))
    case 400:
      return failure(.denied, "refused", "check the account's name, its delegates, and the lifetime that is allowed")
    case 429:
      return failure(.throttled, "too many calls")
    case 408, 499, 500...599:
      return failure(.transient, "the IAM Credentials API failed")
    default:
      return failure(
        .malformed, "this is not the IAM Credentials API's answer", "check \(impersonation.url.origin)")
    }
  }
}
