import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes
import Text

/// Turns Vault's answers into failures that say what to do. Status codes: https://openbao.org/api-docs/#http-status-codes.
struct VaultErrors: Sendable {
  let connection: OpenConnection

  private var failures: FailureMaker { connection.failures }

  func failure(_ response: HTTPResponse, _ reference: String?) -> ProviderFailure {
    let status = response.status
    let json = connection.json(ifAny: response)
    let said = Self.serverText(json)
    let words = connection.words(said)
    func make(_ kind: ProviderFailure.Class, _ message: String, hint: String? = nil) -> ProviderFailure {
      connection.failure(
        kind, message, response, about: reference, from: Self.isOwn(response.status, json) ? .service : .stranger,
        hint: hint)
    }
    switch status {
    case 400:
      return make(.malformed, words ?? "the request was refused")
    case 401, 403:
      return make(
        .denied, words ?? "permission denied", hint: "check the login's policies, the mount and the namespace")
    case 404:
      return make(.missing, words ?? "nothing is there", hint: "check mount, secret_path and engine_version")
    case 412:
      return make(.transient, "the node has not replicated what the token needs yet")
    case 429:
      return make(.throttled, "too many requests", hint: "raise the server's rate limit quota")
    case 472:
      return make(.transient, "a disaster recovery secondary does not serve secrets", hint: "use the primary's address")
    case 473:
      return make(.transient, "a performance standby cannot serve this", hint: "use the active node's address")
    case 503:
      let isSealed = said?.contains("sealed") == true
      return make(
        .transient, isSealed ? "the server is sealed" : words ?? "the server is not available",
        hint: isSealed ? "unseal it" : nil)
    case 500...599:
      return make(.transient, words ?? "the server failed")
    default:
      return make(.malformed, words ?? "an answer that the API does not have")
    }
  }

  /// Statuses of the server's state and of limits: who else answers by them is asked again likewise.
  private static let passing: Set<Int> = [408, 412, 429, 472, 473]

  /// Whether an error has the form that the API gives it (https://developer.hashicorp.com/vault/api-docs#error-response): a list of
  /// texts, which may be empty. A version that was deleted, and a path that is none of KV 2, are whole answers by 404.
  private static func isOwn(_ status: Int, _ json: JSONValue?) -> Bool {
    if let errors = json?.member("errors"), errors.kind == .array {
      return errors.elements.allSatisfy { $0.kind == .string }
    }
    return status == 404 && json?.member("lease_id")?.kind == .string
  }

  /// `nil` where the answer is the server's own refusal, or none.
  func stranger(_ response: HTTPResponse, _ reference: String?) -> ProviderFailure? {
    guard (400..<500).contains(response.status), !Self.passing.contains(response.status) else {
      return nil
    }
    guard !isAskedForTLS(response) else {
      return connection.stranger(
        response, about: reference, "the server speaks https at this port, and was asked by http",
        hint: "write https:// in address")
    }
    return Self.isOwn(response.status, connection.json(ifAny: response))
      ? nil : connection.stranger(response, about: reference)
  }

  /// Go's server and nginx answer a plain request at a port for TLS in words.
  private func isAskedForTLS(_ response: HTTPResponse) -> Bool {
    guard response.body.count < 4096, let text = response.body.unsafeString() else {
      return false
    }
    return text.contains("HTTP request to an HTTPS server")
      || text.contains("plain HTTP request was sent to HTTPS port")
  }

  /// Whether a failure is a refusal of who asked.
  static func isRefusal(_ failure: ProviderFailure) -> Bool {
    failure.kind == .denied && (failure.status == 401 || failure.status == 403)
  }

  /// A refused read in the light of who asked and for what: a path with `data/` in it.
  ///
  /// - Parameter isVerified: whether the server vouched for the token.
  func explained(_ failure: ProviderFailure, _ lookup: VaultLookup, isVerified: Bool) -> ProviderFailure {
    guard Self.isRefusal(failure) else {
      return failure
    }
    let hint: String? =
      if !isVerified {
        "check the token first: it may be wrong, expired or revoked, since the server has not confirmed it; "
          + "then its policies, the mount and the namespace"
      } else {
        lookup.pathHint
      }
    guard let hint else {
      return failure
    }
    return failure.hinting(hint)
  }

  /// The answer lacks what the API promises.
  func incomplete(_ what: String, _ reference: String?) -> ProviderFailure {
    failures.make(.malformed, "the answer has no \(what)", reference: reference, from: .stranger)
  }

  // MARK: - Redirects

  /// The address that a standby's answer names, if the policy lets the token go there.
  func redirection(
    _ response: HTTPResponse, from address: HTTPURL, _ reference: String?
  ) throws(ProviderFailure) -> HTTPURL {
    let target = response.headers.first("Location").flatMap { try? HTTPURL(parsing: $0) }
    let place = target.map { "\($0.host):\($0.port)" } ?? "somewhere else"
    guard connection.services.policy.allowsStandbyRedirects, response.status == 307, let target else {
      throw failures.make(
        .transient, "the server redirects to \(ShownText.clean(place)), which is not followed", reference: reference,
        status: response.status,
        hint: "use the active node's address, or allow `standby_redirects` in the node policy")
    }
    try connection.check(target, .network(target))
    guard target.scheme == .https || address.scheme == .http, let origin = try? HTTPURL(parsing: target.origin) else {
      throw failures.make(
        .policy, "the server redirects from https to http, which is never followed", reference: reference,
        status: response.status)
    }
    return origin
  }

  func redirectedTwice(_ reference: String?) -> ProviderFailure {
    failures.make(
      .transient, "the active node redirects again", reference: reference, hint: "check the cluster's state")
  }

  // MARK: - The server's own words

  /// The first error or warning of the body, as it came.
  private static func serverText(_ body: JSONValue?) -> String? {
    body?.member("errors")?.element(0)?.text ?? body?.member("warnings")?.element(0)?.text
  }
}
