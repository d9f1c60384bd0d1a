import JSONReader
import Resolution
import SecretBytes

/// What somebody put into a store, and the fields of it.
struct StoredValueTarget: FuzzTarget {
  static let name = "StoredValue"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let payload = try? JSONValue.parse(input, limits: .payload)
    let stored = try? JSONValue.parse(input, limits: .storedValue)
    try hold(payload == nil || stored != nil, "what a store may answer, somebody may keep in it")
    let extraction = try? FieldExtraction(payload: input)
    try hold((extraction == nil) == (stored == nil), "a value has fields where it is JSON")
    guard let stored, let extraction else {
      return false
    }
    // Names and dots of its own, and pointers into it, whatever they lead to.
    for name in stored.members.prefix(16).compactMap(\.name.text) {
      try check(name, of: stored, extraction)
    }
    for field in ["", "/", "/0", "~", "/~2", "a.b", "/a/b/0", "0", "-1", "/-1", "/00"] {
      _ = try? extraction.value(of: field)
    }
    return true
  }

  private func check(_ name: String, of root: JSONValue, _ extraction: FieldExtraction) throws(BrokenProperty) {
    guard let member = root.member(name) else {
      throw BrokenProperty(description: "a member is found by its name")
    }
    let value = try? extraction.value(of: name)
    switch member.kind {
    case .string: try hold(value == member.secret, "a string gives its text, or a fault where it has none")
    case .number, .boolean, .null: try hold(value == member.sourceText, "a number is given as it was sent")
    case .object, .array: try hold(value == member.compact(), "an object gives compact JSON")
    }
    let escaped = name.unicodeScalars.reduce(into: "/") { text, scalar in
      switch scalar {
      case "~": text += "~0"
      case "/": text += "~1"
      default: text.unicodeScalars.append(scalar)
      }
    }
    if root.member(escaped) == nil {
      try hold((try? extraction.value(of: escaped)) == value, "a pointer leads where the name does")
    }
  }
}
