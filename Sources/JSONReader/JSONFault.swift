/// Why a document could not be read, and where. Holds no text of the document.
public struct JSONFault: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Reason: Sendable, Equatable {
    /// Nothing but white space.
    case empty
    /// More than `maximumBytes`, as sent or after the expansion of aliases.
    case tooLarge(maximumBytes: Int)
    /// More than `maximumDepth` arrays and objects inside each other.
    case tooDeep(maximumDepth: Int)
    /// Something else stands where this should.
    case expected(Expected)
    /// The document ends too early.
    case endsBefore(Expected)
    /// A comma before `}` or `]`.
    case trailingComma
    /// `//`, `/*` or `#`.
    case comment
    /// U+FEFF at the start; RFC 8259 §8.1 forbids to send it.
    case byteOrderMark
    /// Not UTF-8 as RFC 3629 has it.
    case invalidUTF8
    /// A byte below 0x20 inside a string.
    case controlCharacter
    /// A backslash before something that RFC 8259 §7 does not list.
    case invalidEscape
    /// `\ud800`–`\udfff` outside a pair: no UTF-8 can say it.
    case loneSurrogate
    /// A number such as `007`.
    case leadingZero
    /// The object has this name already.
    case duplicateName
    /// A fault of another format that is read into the same tree (YAML), in that format's own constant words.
    case syntax(String)
  }

  /// What should have stood there.
  public enum Expected: String, Sendable {
    case value = "a value"
    case name = "a name in double quotes"
    case colon = "':'"
    case commaOrBrace = "',' or '}'"
    case commaOrBracket = "',' or ']'"
    case digit = "a digit"
    case hexadecimalDigit = "a hexadecimal digit"
    case closingQuote = "'\"'"
    case end = "the end of the document"
  }

  public let reason: Reason
  public let position: SourcePosition

  public init(reason: Reason, position: SourcePosition) {
    self.reason = reason
    self.position = position
  }

  /// `line 3, column 7: expected ',' or '}'`.
  public var description: String { "\(position): \(reason)" }
}

extension JSONFault.Reason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .empty: "the document is empty"
    case .tooLarge(let bytes): "the document is larger than \(bytes) bytes"
    case .tooDeep(let depth): "the document is nested more than \(depth) levels deep"
    case .expected(let expected): "expected \(expected.rawValue)"
    case .endsBefore(let expected): "the document ends where \(expected.rawValue) is expected"
    case .trailingComma: "a comma must not stand before '}' or ']'"
    case .comment: "JSON has no comments"
    case .byteOrderMark: "the document starts with a byte order mark; save it as UTF-8 without one"
    case .invalidUTF8: "the text is not UTF-8"
    case .controlCharacter: "a control character in a string must be written as an escape"
    case .invalidEscape: "the backslash starts no escape that JSON knows"
    case .loneSurrogate: "half of a surrogate pair stands alone"
    case .leadingZero: "a number must not start with a zero"
    case .duplicateName: "the object has a member of this name already"
    case .syntax(let words): words
    }
  }
}
