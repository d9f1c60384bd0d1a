import HTTPTransport
import ProviderKit
import Text

/// A connection with what its document and the node's environment say of AWS.
struct AWSContext: Sendable {
  let connection: OpenConnection
  let settings: AWSConnection

  /// A variable that steers; one of white space alone counts as not set.
  func setting(_ variable: String) -> String? {
    connection.services.environment.setting(variable).flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
  }

  /// A variable that leads to credentials, as a role or a file's place, and may be shown; `nil` where it is not set, or is not text.
  func text(of variable: String) throws(ProviderFailure) -> String? {
    switch connection.services.environment.read(variable) {
    case .value(let value): return value.unsafeString()
    case .unset: return nil
    case .refused(let refusal): throw connection.failures.refused(refusal)
    }
  }

  /// What the document gives, else a variable.
  func text(_ given: String?, or variable: String) throws(ProviderFailure) -> String? {
    if let given { given } else { try text(of: variable) }
  }

  func denied(_ message: String, hint: String? = nil) -> ProviderFailure {
    connection.failures.make(.denied, message, hint: hint)
  }

  /// The profile that something names, or `nil`: then it is `default`, and need not be there.
  var namedProfile: String? { settings.profile ?? setting("AWS_PROFILE") ?? setting("AWS_DEFAULT_PROFILE") }

  var profileName: String { namedProfile ?? "default" }

  /// - Parameter fault: what it says of `text` where that is no address.
  func address(_ text: String, orThrow fault: String, hint: String? = nil) throws(ProviderFailure) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw denied("\(fault): \(error)", hint: hint)
    }
  }
}
