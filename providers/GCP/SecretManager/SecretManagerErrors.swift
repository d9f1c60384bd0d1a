import HTTPTransport
import ProviderKit

/// Turns Secret Manager's answers into failures that say what to do (https://google.aip.dev/193,
/// https://cloud.google.com/secret-manager/docs/troubleshooting). Of its words only the codes come over.
extension SecretManagerReader {
  private typealias Reason = (kind: ProviderFailure.Class, message: String, hint: String?)

  func refusal(_ response: HTTPResponse, _ name: SecretVersionName, to principal: String) -> ProviderFailure {
    let error = GoogleError(connection.json(ifAny: response))
    let reason = Self.reason(response.status, error, name, principal)
    return connection.failure(
      reason.kind, reason.message + error.shown, response, about: name.path,
      from: error.isThere ? .service : .stranger, hint: reason.hint)
  }

  private static func reason(
    _ status: Int, _ error: GoogleError, _ name: SecretVersionName, _ principal: String
  ) -> Reason {
    guard error.isThere || status == 429 || (500...599).contains(status) else {
      return (
        .malformed, "this is not Secret Manager's answer",
        "check the way to \(name.parent.standardEndpoint): a proxy may stand between"
      )
    }
    switch (status, error.status) {
    case (401, _):
      return (.denied, "the token is not accepted", "check the credential of \(principal)")
    case (403, _):
      return denial(error.reason, principal)
    case (404, _):
      return (
        .missing, "no such secret, or no such version of it",
        name.parent.location == nil
          ? "check project, secret and version; a regional secret needs location"
          : "check project, location, secret and version"
      )
    case (400, "FAILED_PRECONDITION"?):
      if error.saysDestroyed {
        return (.missing, "version \(name.version) was destroyed", "add a version, or name another")
      }
      if error.saysDisabled {
        return (.missing, "version \(name.version) is disabled", "enable it, or name another")
      }
      return (.missing, "the version cannot be read in its state", "check the version's state")
    case (400, _):
      return (.malformed, "the request was refused", "check project, secret and version")
    case (429, _):
      return (.throttled, "too many requests", "raise refresh, or the project's quota of access requests")
    case (408, _), (499, _), (500...599, _):
      return (.transient, "Secret Manager failed", nil)
    default:
      return (.malformed, "an answer that the API does not have", nil)
    }
  }

  private static func denial(_ reason: String?, _ principal: String) -> Reason {
    switch reason {
    case "SERVICE_DISABLED"?:
      (.denied, "the Secret Manager API is not enabled", "enable secretmanager.googleapis.com in the project")
    case "USER_PROJECT_DENIED"?:
      (
        .denied, "the quota project may not be used",
        "grant \(principal) roles/serviceusage.serviceUsageConsumer on it, or name another one"
      )
    case "ACCESS_TOKEN_SCOPE_INSUFFICIENT"?:
      (.denied, "the token's scope does not reach secrets", "give the machine the access scope cloud-platform")
    case "CONSUMER_SUSPENDED"?, "BILLING_DISABLED"?:
      (.denied, "the project is suspended, or has no billing", "check the project")
    default:
      (
        .denied, "permission denied",
        "grant \(principal) roles/secretmanager.secretAccessor on it; a project that does not exist answers so too"
      )
    }
  }
}
