import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// Turns errors of AWS's services into failures that say what to do.
struct AWSFailures: Sendable {
  /// What an error is about.
  struct Subject: Sendable {
    /// The secret, parameter or role, as messages show it.
    let reference: String?
    /// As policies name it: `secretsmanager:GetSecretValue`.
    let action: String
    let credentials: ResolvedCredentials
  }

  let make: FailureMaker
  let region: String
  let services: ProviderServices

  /// A failed call, or one error of a batch's answer (which has no response of its own).
  func failure(
    _ error: AWSError, status: Int?, response: HTTPResponse? = nil, about subject: Subject
  ) -> ProviderFailure {
    let words = cleaned(error.message, subject.credentials)
    func make(
      _ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil, after: Duration? = nil
    ) -> ProviderFailure {
      self.make.make(
        kind, message, reference: subject.reference, status: status, retryAfter: after, hint: hint)
    }
    switch error.kind(status: status ?? 400) {
    case .throttled:
      let wait = response.flatMap { RetryAfter.wait($0, unixTime: services.time.unixTime) }
      return make(
        .throttled, "AWS asks to slow down (\(code(error)))", "spread the calls, or raise the service's quota",
        after: wait)
    case .transient:
      let wait = response.flatMap { RetryAfter.wait($0, unixTime: services.time.unixTime) }
      return make(.transient, words ?? "the service failed (\(code(error)))", after: wait)
    case .credentials:
      return make(.denied, Self.words(ofCredentials: error), "check that the key is active; \(who(subject))")
    case .signature:
      // The service's words may repeat the whole request, session token and all.
      return make(
        .denied, "the request's signature is not accepted (\(code(error)))",
        "check the secret access key and the node's clock; \(who(subject))")
    case .denied where error.speaksOfKeys, .decryption:
      return make(
        .denied, words ?? "the value cannot be decrypted",
        "check the KMS key's state, and allow kms:Decrypt on it; \(who(subject))")
    case .denied:
      return make(.denied, words ?? "not authorized", "allow \(subject.action); \(who(subject))")
    case .missing:
      return make(.missing, words ?? Self.absence(error), "check the name, the version and the region (\(region))")
    case .other:
      return other(error, words, make)
    }
  }

  private func other(
    _ error: AWSError, _ words: String?,
    _ make: (ProviderFailure.Class, String, String?, Duration?) -> ProviderFailure
  ) -> ProviderFailure {
    if error.code == "InvalidRequest", words?.contains("marked") == true {
      return make(.missing, "the secret is marked for deletion", "restore it, or take its entry out", nil)
    }
    guard error.code != nil else {
      return make(
        .malformed, "an answer that is not the service's", "check endpoint_url, region and what stands in between", nil)
    }
    return make(.malformed, words ?? "the request was refused (\(code(error)))", nil, nil)
  }

  func notJSON(_ response: HTTPResponse, _ fault: JSONFault, _ reference: String?) -> ProviderFailure {
    let type = response.headers.first("Content-Type").map { DocumentPath.shown($0) } ?? "no content type"
    return make.make(
      .malformed, "the answer is not JSON (\(type)): \(fault)", reference: reference, status: response.status,
      hint: "check endpoint_url, region and what stands in between")
  }

  /// The answer lacks what the API promises.
  func incomplete(_ what: String, _ reference: String?) -> ProviderFailure {
    make.make(.malformed, "the answer has no \(what)", reference: reference)
  }

  // MARK: - Words

  private func code(_ error: AWSError) -> String { error.code.map { DocumentPath.shown($0) } ?? "no code" }

  /// Who AWS took the agent for, as far as is known here.
  private func who(_ subject: Subject) -> String {
    "asked as \(subject.credentials.shown), in \(region)"
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

  /// The service's words cut to a line; `nil` where there are none, or where they repeat a credential.
  private func cleaned(_ message: String?, _ credentials: ResolvedCredentials) -> String? {
    let sent = [credentials.credentials.secretAccessKey, credentials.credentials.sessionToken]
    guard
      let message, !sent.compactMap({ $0?.unsafeString() }).contains(where: { !$0.isEmpty && message.contains($0) })
    else {
      return nil
    }
    let line = message.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.isEmpty ? nil : DocumentPath.shown(line, atMost: 300)
  }
}

extension ResolvedCredentials {
  /// `profile web, key AKIA…MPLE`: enough to find the key by, and no more.
  var shown: String {
    let id = credentials.accessKeyID
    let key = id.count > 12 ? "\(id.prefix(4))…\(id.suffix(4))" : "…"
    return "\(source), key \(DocumentPath.shown(key))"
  }
}
