import AWSSigning
import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// The method `static`: each field is a literal, or names a file or a variable that holds it.
struct GivenKeys: Sendable {
  let context: CredentialContext

  private var fields: FieldValues { context.connection.authentication }

  func resolve() throws(ProviderFailure) -> ResolvedCredentials {
    guard let accessKeyID = try source("access_key_id")?.unsafeString(), !accessKeyID.isEmpty else {
      throw context.failures.make(.denied, "auth.access_key_id is missing")
    }
    guard let secret = try source("secret_access_key"), !secret.isEmpty else {
      throw context.failures.make(.denied, "auth.secret_access_key is missing")
    }
    return ResolvedCredentials(
      credentials: AWSCredentials(
        accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: try source("session_token")),
      source: "keys of the document")
  }

  private func source(_ name: String) throws(ProviderFailure) -> SecretBytes? {
    if let literal = fields.credential(name) ?? fields.text(name).map({ SecretBytes($0) }) {
      return literal
    }
    if let path = fields.text("\(name)_file") {
      return try context.file(path, "auth.\(name)_file")
    }
    guard let variable = fields.text("\(name)_env") else {
      return nil
    }
    switch context.variable(variable) {
    case .set(let value): return value.trimmed
    case .refused(let refusal): throw context.failures.refused(refusal)
    case .unset:
      throw context.failures.make(.denied, "auth.\(name)_env: the variable \(variable) is not set, or empty")
    }
  }
}
