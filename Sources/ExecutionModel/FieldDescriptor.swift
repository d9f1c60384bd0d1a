import Text

/// One field of a document: its name, what it holds, whether it must be there, and a sentence for the tables.
public struct FieldDescriptor: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Any non-empty text.
    case text
    /// Text of a narrower form.
    case grammar(TextGrammar)
    /// Text that is a credential by itself; held as secret bytes, and never shown.
    case credential
    /// A version, held as text. An unquoted number counts as its text, since people leave the quotes out.
    case version(VersionForm)
    /// A whole number in the range.
    case integer(ClosedRange<Int64>)
    case boolean
    case choice([String])
    case duration
    /// An `http` or `https` address without user, query or fragment.
    case address
    /// An address without a path.
    case origin
    /// The absolute path of a PEM file, or the PEM text itself; held as secret bytes.
    case pem
    /// The absolute path of a file on the node.
    case file
    /// The same, of a file that holds another issuer's token.
    case identityFile
    /// The name of an environment variable of the agent.
    case environmentVariable
    /// The audience of a token that the node's SPIFFE Workload API gives.
    case audience
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
  /// Whether the field is ours, and not the orchestrator's API's.
  public let isExtension: Bool
  public let summary: String

  public init(
    _ name: String, _ kind: Kind, required: Bool = false, defaultsTo: String? = nil,
    extension isExtension: Bool = false,
    _ summary: String
  ) {
    self.name = name
    self.kind = kind
    self.isRequired = required
    self.defaultText = defaultsTo
    self.isExtension = isExtension
    self.summary = summary
  }

  /// Whether an explicit `false` says something else than leaving the field out.
  var isTrueByDefault: Bool { kind == .boolean && defaultText == "true" }
}

/// A narrower form of text than "not empty".
public struct TextGrammar: Sendable, Equatable {
  /// What is expected, as `2 to 64 letters, digits and _+=,.@-`.
  public let summary: String
  /// The same as a regular expression of JSON Schema, for editors; it may let more through than ``accepts``.
  public let pattern: String
  public let accepts: @Sendable (String) -> Bool

  public init(_ summary: String, pattern: String, accepts: @escaping @Sendable (String) -> Bool) {
    self.summary = summary
    self.pattern = pattern
    self.accepts = accepts
  }

  /// `range` bytes, each an ASCII letter or digit or one of `others`.
  public static func word(_ range: ClosedRange<Int>, _ others: String, _ summary: String) -> TextGrammar {
    let marks = others.map { "\\]^-".contains($0) ? "\\\($0)" : "\($0)" }.joined()
    return TextGrammar(summary, pattern: "^[A-Za-z0-9\(marks)]{\(range.lowerBound),\(range.upperBound)}$") {
      isWord($0, range, others)
    }
  }

  /// Whether `text` has `range` bytes, each an ASCII letter or digit or one of `others`.
  public static func isWord(_ text: String, _ range: ClosedRange<Int>, _ others: String) -> Bool {
    range.contains(text.utf8.count)
      && text.utf8.allSatisfy { $0.isAlphanumeric || others.utf8.contains($0) }
  }

  public static func == (one: TextGrammar, other: TextGrammar) -> Bool {
    one.summary == other.summary && one.pattern == other.pattern
  }
}

/// What a store takes for a version.
public enum VersionForm: Sendable, Equatable {
  /// A number from 1.
  case number
  /// A number from 1, or a name that moves on to other versions (`latest`, an alias).
  case numberOrName
  /// A name that the store gives once.
  case identifier

  var grammar: TextGrammar {
    switch self {
    case .number:
      TextGrammar("a number from 1, as \"3\"", pattern: "^[1-9][0-9]{0,18}$") {
        Int64($0) ?? 0 > 0 && Self.isNumber($0)
      }
    case .numberOrName:
      TextGrammar("a number from 1, latest or an alias", pattern: "^[A-Za-z0-9_-]{1,63}$") {
        TextGrammar.isWord($0, 1...63, "-_") && !(Self.isNumber($0) && $0.utf8.allSatisfy { $0 == 0x30 })
      }
    case .identifier:
      .word(1...64, "", "1 to 64 letters and digits")
    }
  }

  /// Whether `version` names one version for good.
  func pins(_ version: String) -> Bool {
    self != .numberOrName || Self.isNumber(version)
  }

  private static func isNumber(_ text: String) -> Bool { text.utf8.allSatisfy(\.isDigit) }
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
