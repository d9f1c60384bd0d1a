import AWSSigning
import ExecutionModel
import ProviderKit
import SecretBytes

/// A role taken with a token of another issuer, as EKS puts it into pods. The token's file is read at each login: it rotates.
struct WebIdentity: Sendable {
  let context: CredentialContext
  let sts: STSCall

  /// By the variables that EKS sets.
  func find() async throws(ProviderFailure) -> SourceOutcome {
    let file: String
    switch context.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
    case .unset: return .nothing("AWS_WEB_IDENTITY_TOKEN_FILE is not set")
    case .refused(let refusal): return .nothing(refusal.message)
    case .set(let value): file = value.unsafeString() ?? ""
    }
    guard let role = try context.text(variable: "AWS_ROLE_ARN") else {
      throw context.failures.make(.denied, "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not")
    }
    return .found(
      try await take(
        role: role, sessionName: try context.text(variable: "AWS_ROLE_SESSION_NAME"), file: file,
        what: "AWS_WEB_IDENTITY_TOKEN_FILE"))
  }

  /// By the document, with the variables for what it leaves out.
  func given() async throws(ProviderFailure) -> ResolvedCredentials {
    let fields = context.connection.authentication
    var role = fields.text("role") ?? fields.text("role_arn")
    var file = fields.text("token_file")
    let what = file == nil ? "AWS_WEB_IDENTITY_TOKEN_FILE" : "auth.token_file"
    if role == nil {
      role = try context.text(variable: "AWS_ROLE_ARN")
    }
    if file == nil {
      file = try context.text(variable: "AWS_WEB_IDENTITY_TOKEN_FILE")
    }
    guard let role else {
      throw context.failures.make(.denied, "auth.role is not given, and AWS_ROLE_ARN is not set")
    }
    guard let file else {
      throw context.failures.make(.denied, "auth.token_file is not given, and AWS_WEB_IDENTITY_TOKEN_FILE is not set")
    }
    return try await take(
      role: role, sessionName: context.setting("AWS_ROLE_SESSION_NAME"), file: file, what: what)
  }

  func take(
    role: String, sessionName: String?, file: String, what: String
  ) async throws(ProviderFailure) -> ResolvedCredentials {
    let token = try context.file(file, what)
    let credentials = try await sts.assumeRoleWithWebIdentity(roleARN: role, sessionName: sessionName, token: token)
    return ResolvedCredentials(
      credentials: credentials, source: "web identity role \(DocumentPath.shown(role, atMost: 200))")
  }
}
