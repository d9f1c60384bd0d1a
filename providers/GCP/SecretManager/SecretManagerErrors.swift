import HTTPTransport
import ProviderKit

/// Turns Secret Manager's answers into failures that say what to do (https://google.aip.dev/193,
/// https://cloud.google.com/secret-manager/docs/troubleshooting). Of its words only the codes come over.
struct SecretManagerErrors: Sendable {
  let failures: FailureMaker
  let services: ProviderServices

  func failure(_ response: HTTPResponse, _ name: SecretVersionName, as principal: String) -> ProviderFailure {
    let error = GoogleError(response)
    func make(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      failures.make(
        kind, message + error.shown, reference: name.description, status: response.status,
        retryAfter: RetryAfter.wait(response, unixTime: services.time.unixTime), hint: hint)
    }
    guard error.isThere || response.status == 429 || (500...599).contains(response.status) else {
      return make(
        .malformed, "this is not Secret Manager's answer",
        "check the way to \(name.parent.standardEndpoint): a proxy may stand between")
    }
    switch (response.status, error.status) {
    case (401, _):
      return make(.denied, "the token is not accepted", "check the credential of \(principal)")
    case (403, _):
      return denied(error, name, principal, make)
    case (404, _):
      return make(
        .missing, "no such secret, or no such version of it",
        name.parent.location == nil
          ? "check project, secret and version; a regional secret needs location"
          : "check project, location, secret and version")
    case (400, "FAILED_PRECONDITION"?):
      return state(error, name, make)
    case (400, _):
      return make(.malformed, "the request was refused", "check project, secret and version")
    case (429, _):
      return make(.throttled, "too many requests", "raise refresh, or the project's quota of access requests")
    case (408, _), (499, _), (500...599, _):
      return make(.transient, "Secret Manager failed")
    default:
      return make(.malformed, "an answer that the API does not have")
    }
  }

  private func denied(
    _ error: GoogleError, _ name: SecretVersionName, _ principal: String,
    _ make: (ProviderFailure.Class, String, String?) -> ProviderFailure
  ) -> ProviderFailure {
    switch error.reason {
    case "SERVICE_DISABLED"?:
      return make(
        .denied, "the Secret Manager API is not enabled", "enable secretmanager.googleapis.com in the project")
    case "USER_PROJECT_DENIED"?:
      return make(
        .denied, "the quota project may not be used",
        "grant \(principal) roles/serviceusage.serviceUsageConsumer on it, or name another one")
    case "ACCESS_TOKEN_SCOPE_INSUFFICIENT"?:
      return make(
        .denied, "the token's scope does not reach secrets", "give the machine the access scope cloud-platform")
    case "CONSUMER_SUSPENDED"?, "BILLING_DISABLED"?:
      return make(.denied, "the project is suspended, or has no billing", "check the project")
    default:
      return make(
        .denied, "permission denied",
        "grant \(principal) roles/secretmanager.secretAccessor on it; a project that does not exist answers so too")
    }
  }

  private func state(
    _ error: GoogleError, _ name: SecretVersionName,
    _ make: (ProviderFailure.Class, String, String?) -> ProviderFailure
  ) -> ProviderFailure {
    if error.saysDestroyed {
      return make(.missing, "version \(name.version) was destroyed", "add a version, or name another")
    }
    if error.saysDisabled {
      return make(.missing, "version \(name.version) is disabled", "enable it, or name another")
    }
    return make(.missing, "the version cannot be read in its state", "check the version's state")
  }
}
