import ExecutionModel
import NodePolicy
import Text

/// Why a provider could not give what was asked for. It carries what an operator needs and has no place for a value.
public struct ProviderFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of failure, which decides the reaction: retry, slow down, ask a person.
  public enum Class: String, Sendable, CaseIterable {
    /// Unreachable, timed out, or a fault of the server: may pass by itself.
    case transient
    /// The service asks to come back later.
    case throttled
    /// Authentication or authorisation.
    case denied
    /// No such secret, version or field.
    case missing
    /// An answer that is not what the service's API promises.
    case malformed
    /// The node policy forbids it.
    case policy
  }

  /// Behind one pointer: a failure is rare, and room for one is kept beside every value.
  private final class Details: Sendable {
    let kind: Class
    let connection: String
    let reference: String?
    let status: Int?
    let retryAfter: Duration?
    let isPassing: Bool
    let message: String
    let hint: String?

    init(
      kind: Class, connection: String, reference: String?, status: Int?, retryAfter: Duration?, isPassing: Bool,
      message: String, hint: String?
    ) {
      self.kind = kind
      self.connection = connection
      self.reference = reference
      self.status = status
      self.retryAfter = retryAfter
      self.isPassing = isPassing
      self.message = message
      self.hint = hint
    }
  }

  private let details: Details

  public var kind: Class { details.kind }
  /// Name of the provider in the document.
  public var connection: String { details.connection }
  /// What was asked for, as `secret/web/db`; `nil` for a login.
  public var reference: String? { details.reference }
  /// HTTP status, where there was an answer.
  public var status: Int? { details.status }
  /// How long the service asked to wait.
  public var retryAfter: Duration? { details.retryAfter }
  /// Whether the same call may well be answered in a few seconds, as after a failover: the server failed, or was not there. Not so
  /// where a name, a certificate or a setting has to be mended first.
  public var isPassing: Bool { details.isPassing }
  /// What happened.
  public var message: String { details.message }
  /// What to do about it.
  public var hint: String? { details.hint }

  public init(
    _ kind: Class, connection: String, reference: String? = nil, status: Int? = nil, retryAfter: Duration? = nil,
    isPassing: Bool = false, _ message: String, hint: String? = nil
  ) {
    details = Details(
      kind: kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter,
      isPassing: isPassing, message: message, hint: hint)
  }

  public static func == (one: ProviderFailure, other: ProviderFailure) -> Bool {
    one.line == other.line && one.kind == other.kind && one.retryAfter == other.retryAfter
  }

  /// One line: `provider vault: secret/web/db: permission denied (status 403); check the token's policies`.
  public var line: String {
    var text = "provider \(ShownText.clean(connection)): "
    if let reference {
      text += "\(reference): "
    }
    text += message
    if let status {
      text += " (status \(status))"
    }
    if let hint {
      text += "; \(hint)"
    }
    return text
  }

  public var description: String { line }

  /// The same failure told of another reference, for all that wait on one login.
  public func about(_ reference: String?) -> ProviderFailure {
    ProviderFailure(
      kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter, isPassing: isPassing,
      message, hint: hint)
  }

  /// The same failure under another connection's name, for all that share one login.
  func told(by connection: String) -> ProviderFailure {
    ProviderFailure(
      kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter, isPassing: isPassing,
      message, hint: hint)
  }

  /// The same failure with the name of what failed before its message: of a login, for all that waited for it.
  public func named(_ name: String) -> ProviderFailure { said("\(name): \(message)", hint) }

  /// The same failure where the wait that the service asked for is longer than what is left for the work.
  public func outlasting(_ left: Duration) -> ProviderFailure {
    guard let asked = retryAfter else {
      return self
    }
    let limit = "it asks to wait \(Self.shown(asked)) (Retry-After), and the time limit leaves \(Self.shown(left))"
    return said(message, [limit, hint].compactMap { $0 }.joined(separator: "; "))
  }

  /// The same failure, which will pass by itself if anything does.
  var passing: ProviderFailure {
    ProviderFailure(
      kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter, isPassing: true,
      message, hint: hint)
  }

  /// The same failure where an attempt before it may have used up `what`.
  func after(_ earlier: ProviderFailure, usingUp what: String) -> ProviderFailure {
    let status = earlier.status.map { " (status \($0))" } ?? ""
    return said("\(message); an attempt before it may have used up \(what): \(earlier.message)\(status)", hint)
  }

  private func said(_ message: String, _ hint: String?) -> ProviderFailure {
    ProviderFailure(
      kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter, isPassing: isPassing,
      message, hint: hint)
  }

  /// In whole seconds.
  private static func shown(_ span: Duration) -> String {
    GoDuration(nanoseconds: max(span.components.seconds, 0) * 1_000_000_000).description
  }

  /// Whether a further attempt may help by itself.
  public var isRetriable: Bool { kind == .transient || kind == .throttled }
}

/// Makes the failures that every adapter knows, for one connection.
public struct FailureMaker: Sendable {
  public let connection: String
  private let credentials: WithheldCredentials?

  public init(connection: String) {
    self.init(connection: connection, withholding: nil)
  }

  init(connection: String, withholding credentials: WithheldCredentials?) {
    self.connection = connection
    self.credentials = credentials
  }

  public func make(
    _ kind: ProviderFailure.Class, _ message: String, reference: String? = nil, status: Int? = nil,
    retryAfter: Duration? = nil, hint: String? = nil
  ) -> ProviderFailure {
    ProviderFailure(
      kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter,
      credentials?.withheld(from: message) ?? message, hint: hint.map { credentials?.withheld(from: $0) ?? $0 })
  }

  public func refused(_ refusal: PolicyRefusal) -> ProviderFailure {
    make(.policy, "refused by the node policy: \(refusal.message)")
  }

  /// A file that could not be read. `what` says its part, as `auth.secret_id_file`; `absence` is what a missing file means:
  /// without its credential a login is denied, while a served file is just not there.
  public func file(
    _ fault: NodeFileFault, _ what: String, absence: ProviderFailure.Class = .denied, reference: String? = nil
  ) -> ProviderFailure {
    let kind: ProviderFailure.Class =
      switch fault.reason {
      case .refused: .policy
      case .unreadable: .denied
      case .missing, .notAbsolute, .notRegular, .tooLarge: absence
      }
    return make(kind, "\(what): \(ShownText.clean(fault.path)) \(fault.message)", reference: reference)
  }
}
