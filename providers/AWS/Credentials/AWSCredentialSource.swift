import AWSSigning
import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// Where a connection's credentials come from.
enum AWSCredentialSource: Sendable {
  /// Keys that the document itself gives.
  case given(GivenKeys)

  init(connection: ProviderConnection, services: ProviderServices, region: String) throws(DocumentFault) {
    self = .given(GivenKeys(connection: connection, services: services))
  }

  func resolve() async throws(ProviderFailure) -> ResolvedCredentials {
    switch self {
    case .given(let keys): try keys.resolve()
    }
  }
}

/// The method `static`: each of its fields is a literal, the name of a file, or the name of a variable.
struct GivenKeys: Sendable {
  let connection: ProviderConnection
  let services: ProviderServices

  private var failures: FailureMaker { FailureMaker(connection: connection.name) }

  func resolve() throws(ProviderFailure) -> ResolvedCredentials {
    let fields = connection.authentication
    guard
      let accessKeyID = fields.text("access_key_id") ?? fields.credential("access_key_id")?.unsafeString(),
      let secret = fields.credential("secret_access_key")
    else {
      throw failures.make(.denied, "auth: access_key_id and secret_access_key are required")
    }
    return ResolvedCredentials(
      credentials: AWSCredentials(
        accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: fields.credential("session_token")),
      source: "the document's keys")
  }
}
