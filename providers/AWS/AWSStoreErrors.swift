import ExecutionModel
import HTTPTransport
import ProviderKit
import Text

/// What errors of the JSON services mean, and what to do about them.
extension AWSStore {
  /// What an error is about.
  struct Subject: Sendable {
    /// The secret or parameter, as messages show it.
    let reference: String?
    /// As `GetSecretValue`.
    let operation: String
    let identity: ResolvedCredentials
  }

  /// A failed call, or one error of a batch's answer (which has no response of its own).
  func failure(_ error: AWSError, _ response: HTTPResponse? = nil, about subject: Subject) -> ProviderFailure {
    let words = connection.words(error.message, atMost: 300)
    let code = error.code.map { ShownText.clean($0) } ?? "no code"
    let region = service.context.settings.region
    let who = "asked as \(subject.identity.shown), in \(region)"
    func make(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> ProviderFailure {
      guard let response else {
        return connection.failures.make(kind, message, reference: subject.reference, from: .service, hint: hint)
      }
      return connection.failure(
        kind, message, response, about: subject.reference, from: error.source, hint: hint)
    }
    switch error.kind {
    case .throttled:
      return make(.throttled, "AWS asks to slow down (\(code))", "spread the calls, or raise the service's quota")
    case .transient:
      return make(.transient, words ?? "the service failed (\(code))")
    case .credentials:
      return make(.denied, Self.words(ofCredentials: error), "check that the key is active; \(who)")
    case .signature:
      // The service's words may repeat the whole request, session token and all.
      return make(
        .denied, "the request's signature is not accepted (\(code))",
        "check the secret access key and the node's clock; \(who)")
    case .denied where error.speaksOfKeys, .decryption:
      return make(
        .denied, words ?? "the value cannot be decrypted",
        "check the KMS key's state, and allow kms:Decrypt on it; \(who)")
    case .denied:
      return make(
        .denied, words ?? "not authorized", "allow \(service.name.rawValue):\(subject.operation); \(who)")
    case .missing:
      return make(.missing, words ?? Self.absence(error), "check the name, the version and the region (\(region))")
    case .other where error.code == "InvalidRequest" && words?.contains("marked") == true:
      return make(.missing, "the secret is marked for deletion", "restore it, or take its entry out")
    case .other where error.code == nil:
      return make(
        .malformed, "an answer that is not the service's", "check endpoint_url, region and what stands in between")
    case .other:
      return make(.malformed, words ?? "the request was refused (\(code))")
    }
  }

  private static func words(ofCredentials error: AWSError) -> String {
    switch error.code {
    case "ExpiredToken", "TokenRefreshRequired", "RequestExpired": "the credentials have ended"
    case "MissingAuthenticationToken": "the request arrived without its signature"
    default: "the access key or its session token is not known to AWS"
    }
  }

  private static func absence(_ error: AWSError) -> String {
    switch error.code {
    case "ParameterNotFound": "no such parameter"
    case "ParameterVersionNotFound": "no such version or label of the parameter"
    default: "no such secret"
    }
  }
}
