import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit

/// Turns a vault's answers into failures that say what to do. Codes:
/// https://learn.microsoft.com/azure/key-vault/general/rest-error-codes. Of the vault's words only the codes come over.
struct KeyVaultErrors: Sendable {
  let failures: FailureMaker
  let services: ProviderServices

  func failure(_ response: HTTPResponse, _ lookup: KeyVaultLookup?) -> ProviderFailure {
    let status = response.status
    let reference = lookup?.description
    let error = (try? JSONValue.parse(response.body, limits: .payload))?.member("error")
    let code = error?.member("code")?.text
    let word = code.map { " (\(DocumentPath.shown($0, atMost: 60)))" } ?? ""
    func make(_ kind: ProviderFailure.Class, _ message: String, hint: String? = nil) -> ProviderFailure {
      failures.make(
        kind, message, reference: reference, status: status,
        retryAfter: RetryAfter.wait(response, unixTime: services.time.unixTime), hint: hint)
    }
    switch status {
    case 401:
      return make(.denied, "the vault does not accept the token\(word)", hint: "check the tenant of login and vault")
    case 403:
      return forbidden(error, make)
    case 404 where error != nil:
      let version = lookup?.version == nil ? "" : ", or no such version of it"
      return make(
        .missing, "no such secret\(version)", hint: "check secret_name; a deleted one can be recovered in the vault")
    case 404, 300..<400:
      return make(.malformed, "this is not a vault's answer", hint: "check vault_url")
    case 408, 500...599:
      return make(.transient, "the vault failed\(word)")
    case 429:
      return make(
        .throttled, "the vault's limit of calls is reached", hint: "raise refresh, or spread secrets over vaults")
    default:
      return make(.malformed, "the vault refused the request\(word)")
    }
  }

  /// 403 answers for states of the secret too: the inner code tells them from missing permissions.
  private func forbidden(
    _ error: JSONValue?, _ make: (ProviderFailure.Class, String, String?) -> ProviderFailure
  ) -> ProviderFailure {
    let inner = (error?.member("innererror") ?? error?.member("innerError"))?.member("code")?.text
    switch inner {
    case "SecretDisabled":
      return make(.missing, "the secret is disabled", "enable it, or pin a version that is enabled")
    case "SecretExpired":
      return make(.missing, "the secret has expired (attributes.exp)", "write a new version, or move the date")
    case "SecretNotYetValid":
      return make(.missing, "the secret is not valid yet (attributes.nbf)", "wait, or move the date")
    case "ForbiddenByFirewall", "ForbiddenByConnection":
      return make(
        .denied, "the vault's firewall does not let the node in", "allow the node's network, or use a private endpoint")
    case "ForbiddenByPolicy", "AccessDenied":
      return make(.denied, "no access policy of the vault allows this login", "grant it `get` on secrets")
    case "ForbiddenByRbac":
      return make(.denied, "no role lets this login read secrets", "assign it the role Key Vault Secrets User")
    default:
      let word = (inner ?? error?.member("code")?.text).map { " (\(DocumentPath.shown($0, atMost: 60)))" } ?? ""
      return make(.denied, "permission denied\(word)", "check the login's rights on the vault's secrets")
    }
  }

  func notJSON(_ response: HTTPResponse, _ fault: JSONFault, _ lookup: KeyVaultLookup) -> ProviderFailure {
    let type = response.headers.first("Content-Type").map { DocumentPath.shown($0) } ?? "no content type"
    return failures.make(
      .malformed, "the answer is not JSON (\(type)): \(fault)", reference: lookup.description, status: response.status,
      hint: "check that vault_url is Key Vault's, not a proxy's or a web page's")
  }
}
