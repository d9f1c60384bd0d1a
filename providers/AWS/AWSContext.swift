import HTTPTransport
import ProviderKit
import Text

/// A connection with what its document and the node's environment say of AWS.
struct AWSContext: Sendable {
  let connection: OpenConnection
  let settings: AWSConnection

  func setting(_ variable: String) -> String? { connection.services.environment.setting(variable) }

  /// A variable that holds credentials or leads to them; `nil` where it is not set, or is not text.
  func text(of variable: String) throws(ProviderFailure) -> String? {
    try connection.credentialVariable(ifSet: variable)?.unsafeString()
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
