import AWSSigning
import ExecutionModel
import ProviderKit
import SecretBytes

/// The method `static`: the keys of the document.
struct GivenKeys: Sendable {
  let context: CredentialContext

  func resolve() throws(ProviderFailure) -> ResolvedCredentials {
    let fields = context.connection.authentication
    guard let accessKeyID = fields.text("access_key_id"), let secret = fields.credential("secret_access_key") else {
      throw context.failures.make(.denied, "auth.access_key_id and auth.secret_access_key belong together")
    }
    return ResolvedCredentials(
      credentials: AWSCredentials(
        accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: fields.credential("session_token")),
      source: "keys of the document")
  }
}
