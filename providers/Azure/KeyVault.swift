import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Synchronization
import Text

/// One vault: what it wants tokens for, and its secrets.
final class KeyVault: Sendable {
  typealias Lookup = AzureKeyVaultProvider.Lookup

  static let apiVersion = "7.4"

  let address: HTTPURL
  let connection: OpenConnection
  private let throttle = Mutex<KeyVaultThrottle?>(nil)
  /// Of the last refusal of a token, until it is answered.
  private let challenge = Mutex<KeyVaultChallenge?>(nil)

  init(_ address: HTTPURL, over connection: OpenConnection) {
    self.address = address
    self.connection = connection
  }

  /// What the vault wants a token for: by the refusal in hand, if it said so; else it is asked without a token, as the SDKs do at
  /// first. `lookup`: what will be asked for then.
  func audience(asking lookup: Lookup?) async throws(ProviderFailure) -> KeyVaultAudience {
    if let challenge = challenge.withLock({ $0.take() }) {
      return try audience(of: challenge)
    }
    let response = try await connection.send(request(lookup), over: try client()) {
      $0.status == 401 || $0.status == 200 ? .accept : .fail(failure($0, nil))
    }
    guard response.status == 401, let challenge = Self.challenge(of: response) else {
      throw connection.failure(
        .malformed, "the vault does not say what it wants a token for", response, hint: "check vault_url")
    }
    return try audience(of: challenge)
  }

  private func audience(of challenge: KeyVaultChallenge) throws(ProviderFailure) -> KeyVaultAudience {
    guard let audience = KeyVaultAudience(challenge, of: address) else {
      throw connection.failures.make(
        .policy,
        "the vault asks for a token for \(ShownText.clean(KeyVaultAudience.resource(of: challenge, address))), "
          + "which is not the domain of \(address.host), so none is sent",
        status: 401, hint: "check vault_url; it must be the vault's own name")
    }
    return audience
  }

  private static func challenge(of response: HTTPResponse) -> KeyVaultChallenge? {
    response.headers.first("WWW-Authenticate").flatMap { KeyVaultChallenge($0) }
  }

  /// - Parameter tenant: the one that the vault trusts, as far as it said.
  func secret(
    _ lookup: Lookup, token: SecretBytes, tenant: String? = nil
  ) async throws(ProviderFailure) -> FetchedSecret {
    let sentAt = connection.services.time.now
    let response = try await send(request(lookup, [.bearer(token)]), about: lookup, tenant: tenant)
    let json = try connection.json(response, of: "Key Vault", namedBy: "vault_url", about: lookup.description)
    guard let value = json.member("value")?.secret else {
      throw connection.failure(
        .malformed, "the answer has no value", response, about: lookup.description,
        hint: "check that vault_url is Key Vault's")
    }
    warnOutsideValidity(json.member("attributes"), lookup)
    return FetchedSecret(payload: value.detached(), version: Self.version(json.member("id")?.text), fetchedAt: sentAt)
  }

  /// A call that may not be accepted; the challenge of a refused token is kept for the next login.
  func send(
    _ request: HTTPRequest, about lookup: Lookup, tenant: String?
  ) async throws(ProviderFailure) -> HTTPResponse {
    try await connection.send(request, over: try client(), about: lookup.description) { response in
      guard response.status != 200 else {
        return .accept
      }
      let failure = failure(response, lookup, tenant: tenant)
      if response.status == 401, failure.kind == .denied {
        challenge.withLock { $0 = Self.challenge(of: response) }
      }
      return .fail(failure)
    }
  }

  /// The last segment of `https://shop.vault.azure.net/secrets/name/version`.
  static func version(_ id: String?) -> String? {
    guard let id, let url = try? HTTPURL(parsing: id) else {
      return nil
    }
    let parts = url.path.split(separator: "/")
    return parts.count == 3 ? ShownText.clean(String(parts[2])) : nil
  }

  /// Vaults serve secrets outside of their dates; for them the dates are advice
  /// (https://learn.microsoft.com/azure/key-vault/secrets/about-secrets#date-time-controlled-operations).
  private func warnOutsideValidity(_ attributes: JSONValue?, _ lookup: Lookup) {
    let now = connection.services.time.unixTime
    var faults: [String] = []
    if let end = attributes?.member("exp")?.int64, end <= now {
      faults.append("the secret has expired (attributes.exp)")
    }
    if let start = attributes?.member("nbf")?.int64, start > now {
      faults.append("the secret is not valid yet (attributes.nbf)")
    }
    for fault in faults {
      connection.services.log.warning(
        "\(fault), and is used all the same",
        metadata: ["provider": "\(connection.name)", "secret": "\(lookup.description)"])
    }
  }

  private func request(_ lookup: Lookup?, _ headers: [HTTPHeader] = []) -> HTTPRequest {
    let url = address.appending(rawPath: lookup?.path ?? "secrets").with(query: [("api-version", Self.apiVersion)])
    return connection.request(.get, url, [HTTPHeader("Accept", "application/json")] + headers)
  }

  /// The connection's client, held back while the vault is throttled.
  private func client() throws(ProviderFailure) -> any HTTPSending {
    let client = try connection.client(for: address, .network(address))
    return throttle.withLock { held in
      let throttle = held ?? KeyVaultThrottle(client, services: connection.services)
      held = throttle
      return throttle
    }
  }

  // MARK: - Refusals

  /// The error of an answer that has the form of the API's
  /// (https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret#keyvaulterror).
  private static func error(_ json: JSONValue?) -> JSONValue? {
    json?.member("error").flatMap { $0.member("code")?.kind == .string ? $0 : nil }
  }

  /// A line that says what to do. Codes: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes. Of the vault's words
  /// only the codes come over.
  private func failure(_ response: HTTPResponse, _ lookup: Lookup?, tenant: String? = nil) -> ProviderFailure {
    let error = Self.error(connection.json(ifAny: response))
    let word = connection.aside(error?.member("code")?.text, atMost: 60)
    let (kind, message, hint): (ProviderFailure.Class, String, String?) =
      switch response.status {
      case 401:
        (
          .denied, "the vault does not accept the token\(word)",
          tenant.map { "the vault belongs to the tenant \(ShownText.clean($0)); log in there" }
            ?? "check the tenant of login and vault"
        )
      case 403:
        forbidden(error)
      case 404 where error != nil:
        (
          .missing, "no such secret" + (lookup?.version == nil ? "" : ", or no such version of it"),
          "check secret_name; a deleted one can be recovered in the vault"
        )
      case 404, 300..<400:
        (.malformed, "this is not a vault's answer", "check vault_url")
      case 408, 500...599:
        (.transient, "the vault failed\(word)", nil)
      case 429:
        (.throttled, "the vault's limit of calls is reached", "raise refresh, or spread secrets over vaults")
      default:
        (.malformed, "the vault refused the request\(word)", nil)
      }
    return connection.failure(
      kind, message, response, about: lookup?.description, from: error == nil ? .stranger : .service, hint: hint)
  }

  /// 403 answers for states of the secret too: the inner code tells them from missing permissions.
  private func forbidden(_ error: JSONValue?) -> (ProviderFailure.Class, String, String?) {
    let inner = (error?.member("innererror") ?? error?.member("innerError"))?.member("code")?.text
    switch inner {
    case "SecretDisabled":
      return (.missing, "the secret is disabled", "enable it, or pin a version that is enabled")
    case "SecretExpired":
      return (.missing, "the secret has expired (attributes.exp)", "write a new version, or move the date")
    case "SecretNotYetValid":
      return (.missing, "the secret is not valid yet (attributes.nbf)", "wait, or move the date")
    case "ForbiddenByFirewall", "ForbiddenByConnection":
      return (
        .denied, "the vault's firewall does not let the node in", "allow the node's network, or use a private endpoint"
      )
    case "ForbiddenByPolicy", "AccessDenied":
      return (.denied, "no access policy of the vault allows this login", "grant it `get` on secrets")
    case "ForbiddenByRbac":
      return (.denied, "no role lets this login read secrets", "assign it the role Key Vault Secrets User")
    default:
      let word = connection.aside(inner ?? error?.member("code")?.text, atMost: 60)
      return (.denied, "permission denied\(word)", "check the login's rights on the vault's secrets")
    }
  }
}
