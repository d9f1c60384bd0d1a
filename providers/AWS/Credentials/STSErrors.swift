import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes

/// Turns STS's refusals into failures that say what to do
/// (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html).
struct STSErrors: Sendable {
  let failures: FailureMaker
  let services: ProviderServices

  /// Codes that refuse the time at which a request was signed.
  static func refusesTime(_ code: String, _ message: String) -> Bool {
    ["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"].contains(code)
      || (["SignatureDoesNotMatch", "InvalidSignatureException"].contains(code)
        && (message.contains("Signature expired") || message.contains("not yet current")))
  }

  func failure(_ response: HTTPResponse, action: String, sent: [SecretBytes]) -> ProviderFailure {
    let error = STSAnswer.error(from: response.body)
    let code = error?.code ?? ""
    let what = "\(action): \(words(error, sent: sent))"
    func make(_ kind: ProviderFailure.Class, hint: String? = nil, after: Duration? = nil) -> ProviderFailure {
      failures.make(kind, what, status: response.status, retryAfter: after, hint: hint)
    }
    switch code {
    case "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException":
      return make(.throttled, after: RetryAfter.wait(response, unixTime: services.time.unixTime))
    case "IDPCommunicationError":
      return make(.transient)
    case "AccessDenied", "AccessDeniedException":
      return make(.denied, hint: "check that the role's trust policy lets this identity take it")
    case "ExpiredToken", "ExpiredTokenException":
      return make(.denied, hint: "renew the token or the credentials that were used")
    case "InvalidIdentityToken", "IDPRejectedClaim":
      return make(.denied, hint: "check the identity provider in IAM, and the token's audience and issuer")
    case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch":
      return make(.denied, hint: "check the access key and its secret")
    case "RegionDisabledException":
      return make(.denied, hint: "activate STS in that region, or use another")
    default:
      break
    }
    if Self.refusesTime(code, error?.message ?? "") {
      return make(.denied, hint: "set the node's clock")
    }
    switch response.status {
    case 429: return make(.throttled, after: RetryAfter.wait(response, unixTime: services.time.unixTime))
    case 500...599: return make(.transient, after: RetryAfter.wait(response, unixTime: services.time.unixTime))
    case 400, 401, 403: return make(.denied, hint: "check the role and its conditions")
    default: return make(.malformed, hint: "check that the endpoint is STS")
    }
  }

  /// The code and the server's words, cleaned; without the words where they repeat what was sent.
  private func words(_ error: (code: String, message: String)?, sent: [SecretBytes]) -> String {
    guard let error, !error.code.isEmpty else {
      return "the request was refused"
    }
    let code = DocumentPath.shown(error.code)
    let repeats = sent.compactMap { $0.unsafeString() }.contains { !$0.isEmpty && error.message.contains($0) }
    guard !repeats, !error.message.isEmpty else {
      return code
    }
    return "\(code): \(DocumentPath.shown(error.message, atMost: 200))"
  }
}
