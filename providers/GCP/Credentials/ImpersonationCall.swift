import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// `generateAccessToken` of the IAM Credentials API
/// (https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken).
struct ImpersonationCall: Sendable {
  let calls: GoogleCalls

  private var failures: FailureMaker { calls.failures }

  func token(
    of impersonation: Impersonation, _ scope: String, _ source: GoogleAccessToken
  ) async throws(ProviderFailure) -> GoogleAccessToken {
    var headers = [HTTPHeader("Content-Type", "application/json"), .bearer(source.value)]
    if let project = source.quotaProject {
      headers.append(.quotaProject(project))
    }
    let request = calls.request(.post, impersonation.url, headers, body: body(impersonation, scope))
    let sentAt = calls.services.time.now
    let response = try await calls.send(request) {
      $0.status == 200 ? .accept : .fail(failure($0, impersonation, source))
    }
    let principal = "service account \(impersonation.principal)"
    guard
      let json = try? JSONValue.parse(response.body, limits: .payload), let value = json.member("accessToken")?.secret,
      let end = json.member("expireTime")?.text.flatMap({ InternetTime.unixTime($0) })
    else {
      throw failures.make(
        .malformed, "acting as \(principal): the answer has no token", status: response.status,
        hint: "check that \(impersonation.url.host) is the IAM Credentials API")
    }
    let (left, overflow) = end.subtractingReportingOverflow(calls.services.time.unixTime)
    guard
      // A node's clock that is behind must not make the token live longer than was asked for.
      !overflow,
      let token = GoogleAccessToken(
        value, seconds: min(left, impersonation.lifetime), issuedAt: sentAt, principal: principal,
        quotaProject: impersonation.quotaProject)
    else {
      throw failures.make(
        .malformed, "acting as \(principal): the token cannot be used, or has ended by the node's clock",
        status: response.status, hint: "set the node's clock")
    }
    return token
  }

  private func body(_ impersonation: Impersonation, _ scope: String) -> SecretBytes {
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
    json.name("lifetime")
    json.string("\(impersonation.lifetime)s")
    json.endObject()
    return json.finish()
  }

  private func failure(
    _ response: HTTPResponse, _ impersonation: Impersonation, _ source: GoogleAccessToken
  ) -> ProviderFailure {
    let status = GoogleError(response)
    func make(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      failures.make(
        kind, "acting as service account \(impersonation.principal): \(message)\(status.shown)",
        status: response.status, retryAfter: RetryAfter.wait(response, unixTime: calls.services.time.unixTime),
        hint: hint)
    }
    switch response.status {
    case 403 where status.reason == "SERVICE_DISABLED":
      return make(.denied, "the IAM Credentials API is not enabled", "enable iamcredentials.googleapis.com")
    case 401:
      return make(.denied, "the token of \(source.principal) is not accepted", "check the source credential")
    case 403, 404:
      return make(
        .denied, "not allowed, or no such account",
        "grant \(source.principal) the role roles/iam.serviceAccountTokenCreator on it"
          + (impersonation.delegates.isEmpty ? "" : ", and each delegate on the next"))
    case 400:
      return make(.denied, "refused", "check the account's name, its delegates, and the lifetime that is allowed")
    case 429:
      return make(.throttled, "too many calls")
    case 408, 499, 500...599:
      return make(.transient, "the IAM Credentials API failed")
    default:
      return make(.malformed, "this is not the IAM Credentials API's answer", "check \(impersonation.url.origin)")
    }
  }
}
