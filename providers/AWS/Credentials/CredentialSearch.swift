import AWSSigning
import ExecutionModel
import ProviderKit
import SecretBytes
import Text

/// What one source of credentials came to.
enum SourceOutcome: Sendable {
  case found(ResolvedCredentials)
  /// It is not set up here, or the policy keeps it away; the reason is half a sentence.
  case nothing(String, hint: String? = nil, kind: ProviderFailure.Class = .denied)
}

/// Finds the credentials of a connection: where its `auth` says, or in the order in which AWS's SDKs look
/// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). Files are read at each login: they rotate.
struct CredentialSearch: Sendable {
  let context: AWSContext
  let tokens: TokenService

  init(_ context: AWSContext) {
    self.context = context
    tokens = TokenService(service: AWSService(.tokens, context, isNested: true))
  }

  func resolve() async throws(ProviderFailure) -> ResolvedCredentials {
    let outcome: SourceOutcome
    switch context.settings.login {
    case .keys(let keys): return ResolvedCredentials(credentials: keys, source: "keys of the document")
    case .webIdentity(let role, let tokenFile): return try await webIdentity(role, tokenFile)
    case .standard: return try await standard()
    case .profile: outcome = try await profile()
    case .container: outcome = try await container()
    case .instanceMetadata: outcome = try await instanceRole(isExpected: true)
    }
    switch outcome {
    case .found(let resolved): return resolved
    case .nothing(let reason, let hint, let kind): throw context.connection.failures.make(kind, reason, hint: hint)
    }
  }

  /// The first source that is set up decides: where it fails, none after it is asked, lest a node takes up another identity
  /// without a word.
  private func standard() async throws(ProviderFailure) -> ResolvedCredentials {
    var reasons: [String] = []
    // Where the policy kept a source away, it is what has to change.
    var kind = ProviderFailure.Class.denied
    func note(_ source: String, _ outcome: SourceOutcome) -> ResolvedCredentials? {
      switch outcome {
      case .found(let resolved): return resolved
      case .nothing(let reason, _, let why):
        reasons.append("\(source): \(reason)")
        kind = why == .policy ? .policy : kind
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
    if let found = note("instance", try await instanceRole(isExpected: false)) {
      return found
    }
    throw context.connection.failures.make(
      kind, "no AWS credentials: \(reasons.joined(separator: "; "))", hint: "give auth, or set one of these up")
  }

  // MARK: - Keys in the agent's own environment

  func environmentKeys() throws(ProviderFailure) -> SourceOutcome {
    switch context.connection.services.environment.read("AWS_ACCESS_KEY_ID") {
    case .value: break
    case .unset: return .nothing("AWS_ACCESS_KEY_ID is not set")
    case .refused(let refusal): return .nothing(refusal.message, kind: .policy)
    }
    guard
      let accessKeyID = try context.text(of: "AWS_ACCESS_KEY_ID"),
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
        source: "environment"))
  }

  // MARK: - A role taken with a token of another issuer, as EKS puts it into pods

  private static let tokenFile = "AWS_WEB_IDENTITY_TOKEN_FILE"

  /// By the variables that EKS sets.
  private func webIdentity() async throws(ProviderFailure) -> SourceOutcome {
    if let reason = context.connection.services.environment.absence(of: Self.tokenFile) {
      return .nothing(reason)
    }
    guard let role = try context.text(of: "AWS_ROLE_ARN") else {
      throw context.denied("\(Self.tokenFile) is set, but AWS_ROLE_ARN is not")
    }
    return .found(try await webIdentity(role, nil))
  }

  /// By the document, with the variables for what it leaves out.
  private func webIdentity(_ givenRole: String?, _ givenFile: String?) async throws(ProviderFailure)
    -> ResolvedCredentials
  {
    guard let role = try context.text(givenRole, or: "AWS_ROLE_ARN") else {
      throw context.denied("auth.role is not given, and AWS_ROLE_ARN is not set")
    }
    guard let file = try context.text(givenFile, or: Self.tokenFile) else {
      throw context.denied("auth.token_file is not given, and \(Self.tokenFile) is not set")
    }
    return try await webIdentity(
      TokenService.Role(arn: role, sessionName: context.setting("AWS_ROLE_SESSION_NAME")), file,
      named: givenFile == nil ? Self.tokenFile : "auth.token_file")
  }

  /// - Parameter name: who names the token's file.
  func webIdentity(
    _ role: TokenService.Role, _ file: String, named name: String
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    let token = try context.connection.credentialFile(file, named: name)
    return ResolvedCredentials(
      credentials: try await tokens.credentials(of: role, by: .token(token)),
      source: "web identity role \(role.shown)")
  }
}
