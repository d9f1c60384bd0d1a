import Foundation

/// A JSON value in the order in which it was written down, for documents and request bodies.
public enum JSON: Sendable, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
  case object([(key: String, value: JSON)])
  case array([JSON])
  case string(String)
  /// Text that goes out as it is, such as a number that must keep its form.
  case literal(String)

  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { ($0.0, $0.1) }) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .literal("\(value)") }
  public init(booleanLiteral value: Bool) { self = .literal("\(value)") }

  public init(_ strings: [String: String]) {
    self = .object(strings.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
  }

  /// One line of JSON; every character beyond the letters that JSON reserves goes as UTF-8.
  public var text: String {
    switch self {
    case .object(let members):
      "{" + members.map { "\(Self.quoted($0.key)):\($0.value.text)" }.joined(separator: ",") + "}"
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
    case .string(let string): Self.quoted(string)
    case .literal(let literal): literal
    }
  }

  /// This object with `members` in place of or after its own.
  public func with(_ members: [(key: String, value: JSON)]) -> JSON {
    guard case .object(let own) = self else { return self }
    let names = Set(members.map(\.key))
    return .object(own.filter { !names.contains($0.key) } + members)
  }

  private static func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{0}"..."\u{1f}": text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}

/// A flat JSON object of strings, which is all that `--format json` may print; nil for anything else.
public func flatStrings(_ data: Data) -> [String: String]? {
  // Not JSONSerialization, which loses U+FEFF.
  try? JSONDecoder().decode([String: String].self, from: data)
}
