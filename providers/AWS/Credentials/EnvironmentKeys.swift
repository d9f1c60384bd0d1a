import AWSSigning
import ProviderKit
import SecretBytes

/// Keys in the agent's own environment.
struct EnvironmentKeys: Sendable {
  static let source = "environment"

  let context: CredentialContext

  func find() throws(ProviderFailure) -> SourceOutcome {
    switch context.variable("AWS_ACCESS_KEY_ID") {
    case .unset: return .nothing("AWS_ACCESS_KEY_ID is not set")
    case .refused(let refusal): return .nothing(refusal.message)
    case .set(let accessKeyID): return .found(try keys(accessKeyID))
    }
  }

  private func keys(_ accessKeyID: SecretBytes) throws(ProviderFailure) -> ResolvedCredentials {
    guard let name = accessKeyID.unsafeString(), let secret = try optional("AWS_SECRET_ACCESS_KEY") else {
      throw context.failures.make(.denied, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
    }
    var end: Int64?
    if let text = context.setting("AWS_CREDENTIAL_EXPIRATION") {
      guard let seconds = AWSTimestamp.seconds(of: text) else {
        throw context.failures.make(.denied, "AWS_CREDENTIAL_EXPIRATION is not a date as 2026-08-07T23:34:47Z")
      }
      end = seconds
    }
    // The older name of the token's variable is still written by some tools.
    let newer = try optional("AWS_SESSION_TOKEN")
    let older = try optional("AWS_SECURITY_TOKEN")
    return ResolvedCredentials(
      credentials: AWSCredentials(
        accessKeyID: name, secretAccessKey: secret, sessionToken: newer ?? older, expiresAt: end),
      source: Self.source)
  }

  private func optional(_ name: String) throws(ProviderFailure) -> SecretBytes? {
    switch context.variable(name) {
    case .set(let value): return value
    case .unset: return nil
    case .refused(let refusal): throw context.failures.refused(refusal)
    }
  }
}
