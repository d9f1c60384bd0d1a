import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization

/// Calls one vault: for its challenge, and for secrets.
final class KeyVaultReader: Sendable {
  static let apiVersion = "7.4"

  private let vault: HTTPURL
  private let services: ProviderServices
  private let failures: FailureMaker
  private let errors: KeyVaultErrors
  private let caller: ProviderCaller
  private let transport = Mutex<KeyVaultThrottle?>(nil)

  init(vault: HTTPURL, connection: String, services: ProviderServices) {
    self.vault = vault
    self.services = services
    self.failures = FailureMaker(connection: connection)
    self.errors = KeyVaultErrors(failures: failures, services: services)
    self.caller = ProviderCaller(connection: connection, services: services)
  }

  /// Asks without a token, as the SDKs do at first, and reads what the vault wants one for. `lookup`: what will be asked for then.
  func audience(asking lookup: KeyVaultLookup?) async throws(ProviderFailure) -> KeyVaultAudience {
    let response = try await caller.send(request(lookup, token: nil), over: try client(), about: nil) { [errors] in
      $0.status == 401 || $0.status == 200 ? .accept : .fail(errors.failure($0, nil))
    }
    guard
      response.status == 401,
      let challenge = response.headers.first("WWW-Authenticate").flatMap({ KeyVaultChallenge($0) })
    else {
      throw failures.make(
        .malformed, "the vault does not say what it wants a token for", status: response.status, hint: "check vault_url"
      )
    }
    guard let audience = KeyVaultAudience(challenge, of: vault) else {
      throw failures.make(
        .policy,
        "the vault asks for a token for \(DocumentPath.shown(KeyVaultAudience.resource(of: challenge, vault))), "
          + "which is not the domain of \(vault.host), so none is sent",
        status: 401, hint: "check vault_url; it must be the vault's own name")
    }
    return audience
  }

  func secret(_ lookup: KeyVaultLookup, token: SecretBytes) async throws(ProviderFailure) -> FetchedSecret {
    let sentAt = services.time.now
    let response = try await caller.send(
      request(lookup, token: token), over: try client(), about: lookup.description
    ) { [errors] in $0.status == 200 ? .accept : .fail(errors.failure($0, lookup)) }
    let json: JSONValue
    do throws(JSONFault) {
      json = try JSONValue.parse(response.body, limits: .payload)
    } catch {
      throw errors.notJSON(response, error, lookup)
    }
    guard let value = json.member("value")?.secret else {
      throw failures.make(
        .malformed, "the answer has no value", reference: lookup.description, status: response.status,
        hint: "check that vault_url is Key Vault's")
    }
    warnOutsideValidity(json.member("attributes"), lookup)
    return FetchedSecret(payload: value.detached(), version: Self.version(json.member("id")?.text), fetchedAt: sentAt)
  }

  /// The last segment of `https://shop.vault.azure.net/secrets/name/version`.
  private static func version(_ id: String?) -> String? {
    guard let id, let url = try? HTTPURL(parsing: id) else {
      return nil
    }
    let parts = url.path.split(separator: "/")
    return parts.count == 3 ? DocumentPath.shown(String(parts[2])) : nil
  }

  /// Vaults serve secrets outside of their dates; for them the dates are advice
  /// (https://learn.microsoft.com/azure/key-vault/secrets/about-secrets#date-time-controlled-operations).
  private func warnOutsideValidity(_ attributes: JSONValue?, _ lookup: KeyVaultLookup) {
    let now = services.time.unixTime
    if let end = attributes?.member("exp")?.int64, end <= now {
      warn("the secret has expired (attributes.exp), and is used all the same", lookup)
    }
    if let start = attributes?.member("nbf")?.int64, start > now {
      warn("the secret is not valid yet (attributes.nbf), and is used all the same", lookup)
    }
  }

  private func warn(_ message: String, _ lookup: KeyVaultLookup) {
    services.log.warning(
      "\(message)", metadata: ["provider": "\(failures.connection)", "secret": "\(lookup.description)"])
  }

  private func request(_ lookup: KeyVaultLookup?, token: SecretBytes?) -> HTTPRequest {
    let path = lookup?.path ?? "secrets"
    var headers = [HTTPHeader("Accept", "application/json")]
    if let token {
      var value = SecretBuffer(capacity: token.count + 7)
      value.append("Bearer " as StaticString)
      value.append(token)
      headers.append(HTTPHeader("Authorization", secret: value.finish()))
    }
    return HTTPRequest(
      method: .get, url: vault.appending(rawPath: path).with(query: [("api-version", Self.apiVersion)]),
      headers: headers,
      timeout: services.limits.attempt, maximumResponseBytes: services.limits.responseBytes)
  }

  private func client() throws(ProviderFailure) -> any HTTPSending {
    do throws(PolicyRefusal) {
      try services.policy.check(vault)
    } catch {
      throw failures.refused(error)
    }
    return transport.withLock { transport in
      if let transport {
        return transport
      }
      var options = HTTPClientOptions()
      options.connectTimeout = services.limits.connect
      options.maximumInFlight = services.limits.inFlight
      options.addressRule = services.policy.addressRule(for: vault)
      let made = KeyVaultThrottle(services.transport(options), services: services)
      transport = made
      return made
    }
  }
}

/// The lookup fields of one reference.
struct KeyVaultLookup: Sendable, CustomStringConvertible {
  /// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#vault-name-and-object-name.
  static let name = TextGrammar.word(1...127, "-", "1 to 127 letters, digits and '-'")

  let name: String
  let version: String?

  init(_ reference: Reference) {
    self.name = reference.lookup.text("secret_name") ?? ""
    self.version = reference.lookup.text("version")
  }

  /// Below the vault's address. The newest version has an empty name.
  var path: String { "secrets/\(name)/\(version ?? "")" }

  var description: String {
    DocumentPath.shown("secrets/\(name)" + (version.map { "/\($0)" } ?? ""), atMost: 200)
  }
}
