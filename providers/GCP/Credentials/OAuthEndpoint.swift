import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// A token endpoint that takes a form: Google's OAuth service, and its Security Token Service.
struct OAuthEndpoint: Sendable {
  struct Call: Sendable {
    let url: HTTPURL
    let form: SecretBytes
    var headers: [HTTPHeader] = []
    let principal: String
    let quotaProject: String?
  }

  let calls: GoogleCalls

  func token(_ call: Call) async throws(ProviderFailure) -> GoogleAccessToken {
    let request = calls.request(
      .post, call.url, [HTTPHeader("Content-Type", "application/x-www-form-urlencoded")] + call.headers,
      body: call.form)
    let errors = OAuthErrors(failures: calls.failures, services: calls.services)
    let sentAt = calls.services.time.now
    let response = try await calls.send(request) {
      $0.status == 200 ? .accept : .fail(errors.failure($0, at: call.url, call.principal))
    }
    guard
      let json = try? JSONValue.parse(response.body, limits: .payload),
      let token = GoogleAccessToken(
        json, issuedAt: sentAt, principal: call.principal, quotaProject: call.quotaProject)
    else {
      throw calls.failures.make(
        .malformed, "the login's answer has no token", status: response.status,
        hint: "check that \(call.url.host) is Google's token endpoint")
    }
    return token
  }
}

/// Turns refusals of token endpoints into failures that say what to do (RFC 6749 §5.2). Of the service's words only the error code
/// comes over, since descriptions may repeat what was sent.
struct OAuthErrors: Sendable {
  let failures: FailureMaker
  let services: ProviderServices

  func failure(_ response: HTTPResponse, at url: HTTPURL, _ principal: String) -> ProviderFailure {
    let json = try? JSONValue.parse(response.body, limits: .payload)
    let code = GoogleWords.code(json?.member("error")?.text)
    let words = json?.member("error_description")?.text ?? ""
    let passes = ["internal_failure", "server_error", "temporarily_unavailable"].contains(code ?? "")
    func make(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      failures.make(
        kind, "login as \(principal): \(message)\(code.map { " (\($0))" } ?? "")", status: response.status,
        retryAfter: RetryAfter.wait(response, unixTime: services.time.unixTime), hint: hint)
    }
    switch response.status {
    case 429:
      return make(.throttled, "too many logins")
    case 408, 500...599:
      return make(.transient, "the token endpoint failed")
    case _ where passes:
      return make(.transient, "the token endpoint failed")
    case 400, 401, 403:
      return make(.denied, Self.reason(code, words), Self.hint(code, words))
    default:
      return make(.malformed, "this is not a token endpoint's answer", "check the address \(url.origin)")
    }
  }

  private static func reason(_ code: String?, _ words: String) -> String {
    if words.contains("JWT Signature") {
      return "the key's signature is not accepted"
    }
    if words.contains("iat and exp") || words.contains("short-lived") {
      return "the JWT's times are not accepted"
    }
    if words.contains("account not found") {
      return "there is no such account"
    }
    if words.contains("expired or revoked") {
      return "the refresh token has expired or was revoked"
    }
    return "refused"
  }

  private static func hint(_ code: String?, _ words: String) -> String {
    if words.contains("JWT Signature") {
      return "the key may have been deleted or disabled; make a new one for the account"
    }
    if words.contains("iat and exp") || words.contains("short-lived") {
      return "set the node's clock"
    }
    switch code {
    case "invalid_grant"?:
      return "check the credential: its account, key or token may be gone"
    case "invalid_client"?, "unauthorized_client"?:
      return "check client_id and client_secret of the credential file"
    case "invalid_target"?:
      return "check the audience: the workload identity pool or provider may be gone or disabled"
    case "invalid_rapt"?:
      return "log in anew: gcloud auth application-default login"
    default:
      return "check the credential file"
    }
  }
}

/// What of a service's words may be shown.
enum GoogleWords {
  /// An error code (`invalid_grant`, `PERMISSION_DENIED`); `nil` for everything that is not plainly one.
  static func code(_ text: String?) -> String? {
    guard let text, (1...60).contains(text.utf8.count) else {
      return nil
    }
    let isCode = text.utf8.allSatisfy {
      (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "_")
    }
    return isCode ? text : nil
  }
}
