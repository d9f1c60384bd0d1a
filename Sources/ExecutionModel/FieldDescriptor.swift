/// One field of a document: its name, what it holds, whether it must be there, and a sentence for the tables.
public struct FieldDescriptor: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Any non-empty text.
    case text
    /// Text that is a credential by itself; held as secret bytes, and never shown.
    case credential
    /// A version: a number from 1, also written as a string, or a name that moves on to other versions (`latest`, an alias).
    /// Held as text.
    case version
    /// A whole number in the range.
    case integer(ClosedRange<Int64>)
    case boolean
    case choice([String])
    case duration
    /// An `http` or `https` address without user, query or fragment.
    case address
    /// The absolute path of a PEM file, or the PEM text itself; held as secret bytes.
    case pem
    /// The absolute path of a file on the node.
    case file
    /// The name of an environment variable of the agent.
    case environmentVariable
    /// A path on the remote side: segments separated by `/`, none of them empty, `.` or `..`. Slashes at either end are dropped.
    case remotePath
    /// An object with fields of its own.
    case object([FieldDescriptor])
  }

  public let name: String
  public let kind: Kind
  public let isRequired: Bool
  /// What holds where the field is absent, for the tables.
  public let defaultText: String?
  public let summary: String

  public init(_ name: String, _ kind: Kind, required: Bool = false, defaultsTo: String? = nil, _ summary: String) {
    self.name = name
    self.kind = kind
    self.isRequired = required
    self.defaultText = defaultsTo
    self.summary = summary
  }
}

/// A rule between the fields of one block.
public enum FieldRule: Sendable, Equatable {
  case exactlyOne([String])
  case atMostOne([String])
  case allOrNone([String])
  /// `field` makes sense only while the integer `other` is `value` (absent counts as `value` where it is the default).
  case onlyWhile(field: String, other: String, is: Int64, byDefault: Bool)

  /// The rule in words, for the tables.
  public var summary: String {
    switch self {
    case .exactlyOne(let names): "exactly one of \(Self.list(names))"
    case .atMostOne(let names): "at most one of \(Self.list(names))"
    case .allOrNone(let names): "\(Self.list(names)): all or none"
    case .onlyWhile(let field, let other, let value, _): "`\(field)` only while `\(other)` is \(value)"
    }
  }

  static func list(_ names: [String]) -> String {
    names.map { "`\($0)`" }.joined(separator: ", ")
  }
}
