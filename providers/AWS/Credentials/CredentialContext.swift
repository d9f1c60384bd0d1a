import AWSSigning
import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// What the sources of credentials share: the connection they serve, and the node as the policy lets them see it.
struct CredentialContext: Sendable {
  /// A variable that holds credentials or leads to them.
  enum Variable: Sendable {
    case set(SecretBytes)
    case unset
    case refused(PolicyRefusal)
  }

  let connection: ProviderConnection
  let services: ProviderServices
  /// Where STS is asked.
  let region: String

  var failures: FailureMaker { FailureMaker(connection: connection.name) }

  func variable(_ name: String) -> Variable {
    do throws(PolicyRefusal) {
      guard let value = try services.environment.credential(name) else {
        return .unset
      }
      return .set(value)
    } catch {
      return .refused(error)
    }
  }

  /// The variable as text; `nil` where it is not set, or is not text.
  func text(variable name: String) throws(ProviderFailure) -> String? {
    switch variable(name) {
    case .set(let value): return value.unsafeString()
    case .unset: return nil
    case .refused(let refusal): throw failures.refused(refusal)
    }
  }

  func setting(_ name: String) -> String? { services.environment.setting(name) }

  /// The content of a credential file without white space around it. `what`: who names it, as `auth.token_file`.
  func file(_ path: String, _ what: String) throws(ProviderFailure) -> SecretBytes {
    let content = try untrimmed(path, what).trimmed
    guard !content.isEmpty else {
      throw failures.make(.denied, "\(what): \(DocumentPath.shown(path)) is empty")
    }
    return content
  }

  /// The content of a credential file, byte for byte.
  func untrimmed(_ path: String, _ what: String) throws(ProviderFailure) -> SecretBytes {
    do throws(NodeFileFault) {
      return try services.files.credential(path)
    } catch {
      throw failures.file(error, what)
    }
  }

  // MARK: - Profiles

  /// The profile that the document names itself.
  var givenProfile: String? { connection.fields.text("profile") }

  /// The shared credentials file that the document names itself.
  var givenCredentialsFile: String? { connection.authentication.text("path") }

  /// The profile that something names, or `nil`: then it is `default`, and need not be there.
  var namedProfile: String? { givenProfile ?? setting("AWS_PROFILE") ?? setting("AWS_DEFAULT_PROFILE") }

  var profileName: String { namedProfile ?? "default" }
}

/// What one source of credentials came to.
enum SourceOutcome: Sendable {
  case found(ResolvedCredentials)
  /// It is not set up here; the reason is half a sentence.
  case nothing(String)
}
