import AWSSigning
import ExecutionModel
import ProviderKit
import SecretBytes
import Text

/// What one source of credentials came to.
enum SourceOutcome: Sendable {
  case found(ResolvedCredentials)
  /// It is not set up here, or the policy keeps it away; the reason is half a sentence.
  ///
  /// - Parameter isPlain: whether nothing here names the source at all, so that nothing is in its way.
  case nothing(String, hint: String? = nil, kind: ProviderFailure.Class = .denied, isPlain: Bool = false)
}

/// Finds the credentials of a connection: where its `auth` says, or in the order in which AWS's SDKs look
/// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). Files are read at each login: they rotate.
struct CredentialSearch: Sendable {
  let context: AWSContext
  let tokens: TokenService
  /// What the credentials are for.
  private let service: AWSService?
  private let said: SaidOnce

  init(_ context: AWSContext, for service: AWSService? = nil) {
    self.context = context
    self.service = service
    tokens = TokenService(service: AWSService(.tokens, context, isNested: true))
    said = SaidOnce.shared(by: context.connection.services)
  }

  private var isOfPod: Bool { context.connection.workloadTokens != nil }

  func resolve() async throws(ProviderFailure) -> ResolvedCredentials {
    try service?.leads()
    let outcome: SourceOutcome
    switch context.settings.login {
    case .keys(let keys): return ResolvedCredentials(credentials: keys, source: "keys of the document")
    case .webIdentity(let role, let token): return try await webIdentity(role, token)
    case .container where isOfPod, .standard where isOfPod: outcome = try await podIdentity()
    case .standard: return try await standard()
    case .profile: outcome = try await profile()
    case .container: outcome = try await container()
    case .instanceMetadata: outcome = try await instanceRole(isExpected: true)
    }
    switch outcome {
    case .found(let resolved): return resolved
    case .nothing(let reason, let hint, let kind, _): throw context.connection.failures.make(kind, reason, hint: hint)
    }
  }

  // MARK: - The default chain

  /// The first source that is set up decides: where it fails, none after it is asked, lest a node takes up another identity
  /// without a word.
  private func standard() async throws(ProviderFailure) -> ResolvedCredentials {
    var absences: [SourceAbsence] = []
    func note(_ source: String, _ outcome: SourceOutcome) -> ResolvedCredentials? {
      switch outcome {
      case .found(let resolved):
        said.forget()
        return resolved
      case .nothing(let reason, _, let kind, let isPlain):
        absences.append(SourceAbsence(source: source, reason: reason, kind: kind, isPlain: isPlain))
        return nil
      }
    }
    // A profile that the document itself names goes before what the environment holds, as in the SDKs.
    if context.settings.profile == nil {
      if let found = note("environment", try environmentKeys()) {
        return found
      }
      if let found = note("web identity", try await webIdentity()) {
        return found
      }
    }
    if let found = note("profile", try await profile()) {
      return found
    }
    if let found = note("container", try await container()) {
      return found
    }
    // What answered once and is silent now is away.
    let isKnown = context.connection.machineIdentity.isSeen
    if let found = note("instance metadata", try await instanceRole(isExpected: isKnown)) {
      context.connection.machineIdentity.see()
      return found
    }
    throw nothing(absences)
  }

  /// The log has a line a source, once for all connections; the failure, which may be told of many secrets, has what is in the
  /// way of those that somebody set up.
  private func nothing(_ absences: [SourceAbsence]) -> ProviderFailure {
    for absence in absences where said.isNew(absence.text) {
      context.connection.services.log.warning("no AWS credentials by the default chain: \(absence.text)")
    }
    let plain = absences.filter(\.isPlain).map(\.source)
    let unset = plain.isEmpty ? [] : ["\(plain.joined(separator: ", ")): not set up"]
    let reasons = unset + absences.filter { !$0.isPlain }.map(\.text)
    // Where the policy kept a source away, it is what has to change.
    let kind = absences.contains { $0.kind == .policy } ? ProviderFailure.Class.policy : .denied
    return context.connection.failures.make(
      kind, "no AWS credentials: \(reasons.joined(separator: "; "))", hint: "give auth, or set one of these up")
  }

  /// Why a source of the default chain gave nothing.
  private struct SourceAbsence {
    let source: String
    let reason: String
    let kind: ProviderFailure.Class
    let isPlain: Bool

    /// Reasons that begin with the source's own name do not say it twice.
    var text: String { reason.hasPrefix("\(source) ") ? reason : "\(source): \(reason)" }
  }

  // MARK: - Keys in the agent's own environment

  func environmentKeys() throws(ProviderFailure) -> SourceOutcome {
    switch context.connection.services.environment.read("AWS_ACCESS_KEY_ID") {
    case .value: break
    case .unset:
      guard context.connection.services.environment.read("AWS_SECRET_ACCESS_KEY").secret == nil else {
        return .nothing("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not")
      }
      return .nothing("AWS_ACCESS_KEY_ID is not set", isPlain: true)
    case .refused(let refusal): return .nothing(refusal.message, kind: .policy)
    }
    guard
      let accessKeyID = try context.connection.credentialVariable(ifSet: "AWS_ACCESS_KEY_ID")?.unsafeString(),
      let secret = try context.connection.credentialVariable(ifSet: "AWS_SECRET_ACCESS_KEY")
    else {
      throw context.denied("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
    }
    let end = context.setting("AWS_CREDENTIAL_EXPIRATION")
    let seconds = end.flatMap { CivilTime(internetText: $0)?.unixTime }
    guard end == nil || seconds != nil else {
      throw context.denied("AWS_CREDENTIAL_EXPIRATION is not a date as 2026-08-07T23:34:47Z")
    }
    // The older name of the token's variable is still written by some tools.
    let newer = try context.connection.credentialVariable(ifSet: "AWS_SESSION_TOKEN")
    let older = try context.connection.credentialVariable(ifSet: "AWS_SECURITY_TOKEN")
    return .found(
      ResolvedCredentials(
        credentials: AWSCredentials(
          accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: newer ?? older, expiresAt: seconds),
        source: passingOverProfile("environment")))
  }

  /// Variables with credentials go before AWS_PROFILE, which is worth a word: who set it may have meant it.
  private func passingOverProfile(_ source: String) -> String {
    context.setting("AWS_PROFILE") == nil ? source : "\(source) (goes before AWS_PROFILE)"
  }

  // MARK: - A role taken with a token of another issuer, as EKS puts it into pods

  private static let tokenFile = "AWS_WEB_IDENTITY_TOKEN_FILE"

  /// By the variables that EKS sets.
  private func webIdentity() async throws(ProviderFailure) -> SourceOutcome {
    switch context.connection.services.environment.read(Self.tokenFile) {
    case .value: break
    case .unset: return .nothing("\(Self.tokenFile) is not set", isPlain: true)
    case .refused(let refusal): return .nothing(refusal.message, kind: .policy)
    }
    guard let role = try context.text(of: "AWS_ROLE_ARN") else {
      throw context.denied("\(Self.tokenFile) is set, but AWS_ROLE_ARN is not")
    }
    let resolved = try await webIdentity(role, nil)
    return .found(
      ResolvedCredentials(credentials: resolved.credentials, source: passingOverProfile(resolved.source)))
  }

  /// By the document, with the variables for what it leaves out.
  private func webIdentity(
    _ givenRole: String?, _ given: IdentityTokenSource?
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    guard let role = try context.text(givenRole, or: "AWS_ROLE_ARN") else {
      throw context.denied("auth.role is not given, and AWS_ROLE_ARN is not set")
    }
    let token = if let given { given } else { try namedTokenFile() }
    return try await webIdentity(
      TokenService.Role(arn: role, sessionName: context.setting("AWS_ROLE_SESSION_NAME")), token)
  }

  private func namedTokenFile() throws(ProviderFailure) -> IdentityTokenSource {
    guard !isOfPod else {
      return .workload
    }
    guard let file = try context.text(of: Self.tokenFile) else {
      throw context.denied("auth.token_file is not given, and \(Self.tokenFile) is not set")
    }
    return .given(CredentialSource(.file(file), named: Self.tokenFile))
  }

  func webIdentity(
    _ role: TokenService.Role, _ source: IdentityTokenSource
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    try context.connection.takeUp(.identity(.awsWebIdentity))
    try tokens.service.leads()
    let token = try await context.connection.identityToken(source, for: ["sts.amazonaws.com"])
    return ResolvedCredentials(
      credentials: try await tokens.credentials(of: role, by: .token(token)),
      source: "web identity role \(role.shown)")
  }
}
