import JSONReader
import SecretBytes
import YAMLReader

/// YAML: the value is JSON within the limits, or the fault stands in the text.
struct YAMLTarget: FuzzTarget {
  static let name = "YAML"

  /// Small, so that expansion meets them.
  private static let limits = JSONLimits(maximumBytes: 1 << 16, maximumDepth: 16)

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    var lenient = Self.limits
    lenient.duplicateKeys = .lastWins
    let read = try? YAMLReader.parse(input, limits: lenient)
    let value: JSONValue
    do throws(JSONFault) {
      value = try YAMLReader.parse(input, limits: Self.limits)
    } catch {
      try hold((1...input.mostLines).contains(error.position.line), "the fault is in the text")
      try hold(error.position.column >= 1, "a column is counted from 1")
      try hold((try? JSONValue.parse(input, limits: Self.limits)) == nil, "JSON is YAML")
      return false
    }
    try check(value, lines: input.mostLines)
    try hold(read != nil, "what has no key twice is read where keys may be there twice")
    return true
  }

  private func check(_ value: JSONValue, lines: Int) throws(BrokenProperty) {
    let json = value.compact()
    try hold(json.count <= Self.limits.maximumBytes, "the expansion keeps to the limit")
    try hold((try? JSONValue.parse(json, limits: Self.limits)) != nil, "what comes out is JSON")
    try checkPositions(value, lines: lines)
  }

  private func checkPositions(_ value: JSONValue, lines: Int) throws(BrokenProperty) {
    try hold(value.position.line <= lines, "the value is in the text")
    for element in value.elements.prefix(8) {
      try checkPositions(element, lines: lines)
    }
    for member in value.members.prefix(8) {
      try checkPositions(member.name, lines: lines)
      try checkPositions(member.value, lines: lines)
    }
  }
}
