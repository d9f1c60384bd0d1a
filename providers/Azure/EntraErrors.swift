import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit

/// Turns refusals of the token endpoint into lines that say what to do. Only numbers and the error's word come over: descriptions
/// repeat what was sent. Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
struct EntraErrors: Sendable {
  let failures: FailureMaker
  let services: ProviderServices

  func failure(_ response: HTTPResponse) -> ProviderFailure {
    let status = response.status
    let body = try? JSONValue.parse(response.body, limits: .payload)
    let wait = RetryAfter.wait(response, unixTime: services.time.unixTime)
    let name = Self.name(body)
    if status == 429 {
      return failures.make(.throttled, "Entra ID: too many logins", status: status, retryAfter: wait)
    }
    if (500...599).contains(status) || body?.member("error")?.text == "temporarily_unavailable" {
      return failures.make(.transient, "Entra ID failed\(name)", status: status, retryAfter: wait)
    }
    guard body?.member("error")?.text != nil, (400...403).contains(status) else {
      return failures.make(
        .malformed, "the token endpoint gave an answer that Entra ID does not have", status: status,
        hint: "check \(AzureVariable.authorityHost) and the node's proxy")
    }
    let code = Self.code(body)
    return failures.make(
      .denied, "Entra ID refused the login\(name)", status: status,
      hint: code.flatMap { Self.hint($0) } ?? "check tenant, client and credential")
  }

  /// As `: AADSTS7000215 (invalid_client)`.
  private static func name(_ body: JSONValue?) -> String {
    let word = body?.member("error")?.text.map { DocumentPath.shown($0, atMost: 40) }
    switch (code(body), word) {
    case (let code?, let word?): return ": AADSTS\(code) (\(word))"
    case (let code?, nil): return ": AADSTS\(code)"
    case (nil, let word?): return ": \(word)"
    case (nil, nil): return ""
    }
  }

  /// The first of `error_codes`, else the number that the description starts with.
  private static func code(_ body: JSONValue?) -> Int64? {
    if let code = body?.member("error_codes")?.element(0)?.int64 {
      return code
    }
    guard let text = body?.member("error_description")?.text, text.hasPrefix("AADSTS") else {
      return nil
    }
    return Int64(text.dropFirst(6).prefix { ("0"..."9").contains($0) }.prefix(12))
  }

  private static func hint(_ code: Int64) -> String? {
    switch code {
    case 7_000_215: "the client secret is wrong; give the secret's value, not its id"
    case 7_000_222: "the client secret has expired; make a new one"
    case 7_000_216, 7_000_218: "the application must prove itself; check the credential"
    case 7_000_112: "the application is disabled; enable it"
    case 700_016: "no such application in this tenant; check client_id and tenant_id"
    case 90_002: "no such tenant; check tenant_id and the cloud (\(AzureVariable.authorityHost))"
    case 900_023, 90_013: "tenant_id is not a tenant's id or domain"
    case 500_011, 500_014: "the tenant does not know the vault's service; check the cloud and the vault's tenant"
    case 70_021, 700_211, 700_212, 700_213:
      "no federated credential of the application matches the token's issuer, subject and audience; add one"
    case 700_024: "the federated token is not valid now; check the node's clock, and that the token file is kept fresh"
    case 700_027, 50_027: "the federated token's signature is not good; check the issuer's published keys"
    case 53_003, 53_000, 530_003: "a conditional access policy forbids the login"
    default: nil
    }
  }
}
