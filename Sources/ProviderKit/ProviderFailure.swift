import ExecutionModel
import Masking
import NodePolicy
import Text

/// Why a provider could not give what was asked for. It carries what an operator needs and has no place for a value: what a server said
/// is read without any that is in use (``StrangersWords``), so whoever tells of a failure need not see to it.
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

  /// Who says so: what a store refuses is another matter than what the way to it, or the node, does.
  public enum Source: Sendable {
    /// The store, or who logs in to it, in the form of its own API.
    case service
    /// The node: a file, a variable, what serves the machine's identity, or a call that had no answer.
    case node
    /// What answered in the service's place: a proxy, a captive portal, a web server.
    case stranger
  }

  private struct Details: Sendable {
    var kind: Class
    var source: Source
    var connection: String
    var reference: String?
    var status: Int?
    var retryAfter: Duration?
    var isPassing: Bool
    var message: String
    var hint: String?
    /// The values in use; `nil`: no stranger's words are in it.
    var hidden: LiveValues?
  }

  /// Behind one pointer: a failure is rare, and room for one is kept beside every value.
  private final class Box: Sendable {
    /// But for the words.
    let details: Details
    let message: StrangersWords
    let hint: StrangersWords?

    init(_ details: Details) {
      message = StrangersWords(details.message, hiding: details.hidden)
      hint = details.hint.map { StrangersWords($0, hiding: details.hidden) }
      var details = details
      (details.message, details.hint) = ("", nil)
      self.details = details
    }
  }

  private let box: Box
  private var details: Details { box.details }

  public var kind: Class { details.kind }
  public var source: Source { details.source }
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
  public var message: String { box.message.text }
  /// What to do about it.
  public var hint: String? { box.hint?.text }

  /// - Parameters:
  ///   - source: `nil`: the service where there is a status, else the node.
  ///   - hidden: the values in use, which are not to be read in it; `nil`: `message` and `hint` are the agent's own words.
  public init(
    _ kind: Class, connection: String, reference: String? = nil, status: Int? = nil, retryAfter: Duration? = nil,
    isPassing: Bool = false, from source: Source? = nil, _ message: String, hint: String? = nil,
    hiding hidden: LiveValues? = nil
  ) {
    self.init(
      Details(
        kind: kind, source: source ?? (status == nil ? .node : .service), connection: connection, reference: reference,
        status: status, retryAfter: retryAfter, isPassing: isPassing, message: message, hint: hint, hidden: hidden))
  }

  private init(_ details: Details) {
    box = Box(details)
  }

  /// What is made of a failure has none of the values that are in use by now, though they may be gone when it is read.
  private func with(_ change: (inout Details) -> Void) -> ProviderFailure {
    var details = details
    (details.message, details.hint) = (message, hint)
    change(&details)
    return ProviderFailure(details)
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
  public func about(_ reference: String?) -> ProviderFailure { with { $0.reference = reference } }

  /// The same failure under another name of its connection: documents that share one may each call it as they like.
  public func told(by connection: String) -> ProviderFailure { with { $0.connection = connection } }

  /// The same failure with the name of what failed before its message: of a login, for all that waited for it.
  public func named(_ name: String) -> ProviderFailure { with { $0.message = "\(name): \(message)" } }

  /// The same failure with another hint.
  public func hinting(_ hint: String?) -> ProviderFailure { with { $0.hint = hint } }

  /// The same failure where the wait that the service asked for is longer than what is left for the work.
  public func outlasting(_ left: Duration) -> ProviderFailure {
    guard let asked = retryAfter else {
      return self
    }
    let limit = "it asks to wait \(Self.shown(asked)) (Retry-After), and the time limit leaves \(Self.shown(left))"
    return hinting([limit, hint].compactMap { $0 }.joined(separator: "; "))
  }

  /// The same failure, which will pass by itself if anything does.
  var passing: ProviderFailure { with { $0.isPassing = true } }

  /// The same failure where an attempt before it may have used up `what`.
  func after(_ earlier: ProviderFailure, usingUp what: String) -> ProviderFailure {
    let status = earlier.status.map { " (status \($0))" } ?? ""
    return with {
      $0.message = "\(message); an attempt before it may have used up \(what): \(earlier.message)\(status)"
    }
  }

  /// In whole seconds.
  private static func shown(_ span: Duration) -> String {
    GoDuration(nanoseconds: max(span.components.seconds, 0) * 1_000_000_000).description
  }

  /// Whether a further attempt may help by itself.
  public var isRetriable: Bool { kind == .transient || kind == .throttled }

  /// Whether it takes back what was given before: the store itself says that the value, or the login, is not to be had. A credential
  /// that is not in its place yet, and a page of whoever stands in between, take nothing back.
  public var forfeits: Bool { kind == .missing || (kind == .denied && source == .service) }
}

/// Makes the failures that every adapter knows, for one connection.
public struct FailureMaker: Sendable {
  public let connection: String
  private let credentials: WithheldCredentials?
  private let hidden: LiveValues?

  public init(connection: String) {
    self.init(connection: connection, withholding: nil, hiding: nil)
  }

  init(connection: String, withholding credentials: WithheldCredentials?, hiding hidden: LiveValues?) {
    self.connection = connection
    self.credentials = credentials
    self.hidden = hidden
  }

  public func make(
    _ kind: ProviderFailure.Class, _ message: String, reference: String? = nil, status: Int? = nil,
    retryAfter: Duration? = nil, from source: ProviderFailure.Source? = nil, hint: String? = nil
  ) -> ProviderFailure {
    ProviderFailure(
      kind, connection: connection, reference: reference, status: status, retryAfter: retryAfter, from: source,
      credentials?.withheld(from: message) ?? message, hint: hint.map { credentials?.withheld(from: $0) ?? $0 },
      hiding: hidden)
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
