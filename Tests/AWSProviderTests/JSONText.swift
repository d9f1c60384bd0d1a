import JSONReader
import SecretBytes

/// Parsed JSON as values that can be compared whatever the order of members.
indirect enum JSONText: Equatable, Sendable {
  case object([String: JSONText])
  case array([JSONText])
  /// A scalar as it was written.
  case scalar(String)

  init(_ text: String) throws {
    self.init(try JSONValue.parse(SecretBytes(text), limits: .payload))
  }

  private init(_ value: JSONValue) {
    switch value.kind {
    case .object:
      self = .object(
        Dictionary(value.members.map { ($0.name.text ?? "", JSONText($0.value)) }) { $1 })
    case .array: self = .array(value.elements.map { JSONText($0) })
    default: self = .scalar(value.text.map { "string \($0)" } ?? value.sourceText.unsafeString() ?? "")
    }
  }

  /// The members of an object of strings.
  static func object(_ bytes: SecretBytes) throws -> [String: String]? {
    let value = try JSONValue.parse(bytes, limits: .payload)
    guard value.kind == .object else {
      return nil
    }
    return Dictionary(value.members.map { ($0.name.text ?? "", $0.value.text ?? "") }) { $1 }
  }
}
