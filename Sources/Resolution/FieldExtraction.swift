import ExecutionModel
import JSONReader
import SecretBytes
import Text

/// Takes one field out of a JSON value: a literal key first, then a dotted path or a JSON Pointer (RFC 6901).
///
/// The value is what somebody put into the store, so it is read where the stores' own tools read it: a byte order mark is passed
/// over, and of two equal keys the last counts. Half of a surrogate pair has no bytes, so the field that holds it is a fault, and
/// only that one.
public struct FieldExtraction {
  /// Why a field could not be had; names of keys only, never a value.
  public struct Fault: Error, Sendable, Equatable {
    public let message: String
  }

  private let root: JSONValue

  /// - Throws: where `payload` is not JSON.
  public init(payload: SecretBytes) throws(Fault) {
    do throws(JSONFault) {
      self.root = try JSONValue.parse(payload, limits: .storedValue)
    } catch {
      throw Fault(
        message: "the value is not JSON, so it has no fields (\(error)); leave `field` out, or mend it in the store")
    }
  }

  /// The text of a string, the JSON text of a number, boolean or null as the store sent it, or compact JSON.
  public func value(of field: String) throws(Fault) -> SecretBytes {
    let found = try find(field)
    switch found.kind {
    case .string:
      guard let text = found.secret else {
        let place = found.loneSurrogate.map { ", \($0)" } ?? ""
        throw Fault(
          message:
            "field \(ShownText.clean(field)) holds half of a surrogate pair (\\ud800-\\udfff)\(place), which is no text; "
            + "write the character whole in the store")
      }
      return text.detached()
    case .number, .boolean, .null: return found.sourceText.detached()
    case .object, .array: return found.compact()
    }
  }

  /// What a field may begin with: the names of an object's members, the places of an array's elements.
  var keys: [String] {
    root.kind == .array ? (0..<root.count).map { String($0) } : root.members.compactMap { $0.name.text }
  }

  private func find(_ field: String) throws(Fault) -> JSONValue {
    if let literal = root.member(field) {
      return literal
    }
    // Here and below by scalars: to Swift a slash with a combining mark behind it is another character.
    return field.unicodeScalars.first == "/"
      ? try descend(pointer: field) : try descend(dotted: field)
  }

  private func descend(pointer: String) throws(Fault) -> JSONValue {
    var value = root
    var walked = ""
    for token in pointer.unicodeScalars.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let key = Self.unescaped(token) else {
        throw Fault(message: "field \(ShownText.clean(pointer)) is not a JSON Pointer: '~' is written ~0, '/' is ~1")
      }
      value = try step(into: value, key, walked)
      walked += "/\(key)"
    }
    return value
  }

  /// At each level the whole rest is tried as a key before its first part.
  private func descend(dotted: String) throws(Fault) -> JSONValue {
    var value = root
    var walked = ""
    var rest = dotted[...]
    while true {
      if let literal = value.member(String(rest)) {
        return literal
      }
      guard let dot = rest.unicodeScalars.firstIndex(of: ".") else {
        return try step(into: value, String(rest), walked)
      }
      let key = String(rest[..<dot])
      value = try step(into: value, key, walked)
      walked += walked.isEmpty ? key : ".\(key)"
      rest = rest[rest.unicodeScalars.index(after: dot)...]
    }
  }

  private func step(into value: JSONValue, _ key: String, _ walked: String) throws(Fault) -> JSONValue {
    switch value.kind {
    case .object:
      if let member = value.member(key) {
        return member
      }
    case .array:
      // No sign, no leading zero: RFC 6901 §4.
      if let index = Int(key), String(index) == key, index >= 0, let element = value.element(index) {
        return element
      }
    default:
      break
    }
    throw missing(key, in: value, walked)
  }

  private func missing(_ key: String, in value: JSONValue, _ walked: String) -> Fault {
    let place = walked.isEmpty ? "" : " in \(ShownText.clean(walked))"
    let shown = ShownText.clean(key)
    switch value.kind {
    case .object:
      let names = value.members.prefix(20).compactMap { $0.name.text }.map { ShownText.clean($0) }
      guard !names.isEmpty else {
        return Fault(message: "no field \(shown)\(place); there are none")
      }
      let rest = value.count > 20 ? " and \(value.count - 20) more" : ""
      let hint = NearestName.hint(for: key, among: names)
      return Fault(message: "no field \(shown)\(place); there are: \(names.joined(separator: ", "))\(rest)\(hint)")
    case .array:
      return Fault(message: "no element \(shown)\(place); the array has \(value.count)")
    default:
      return Fault(message: "no field \(shown)\(place); it is not an object or array")
    }
  }

  /// `~1` is `/`, `~0` is `~`; `nil` where another character follows a `~`.
  static func unescaped(_ token: Substring.UnicodeScalarView) -> String? {
    var key = String.UnicodeScalarView()
    var rest = token.makeIterator()
    while let scalar = rest.next() {
      guard scalar == "~" else {
        key.append(scalar)
        continue
      }
      switch rest.next() {
      case "0": key.append("~")
      case "1": key.append("/")
      default: return nil
      }
    }
    return String(key)
  }
}
