import JSONReader
import SecretBytes
import YAMLReader

/// Whatever the bytes are, the reader gives a value that is JSON within the limits, or a fault; it never traps. Built by
/// `scripts/fuzz`.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
  let input = SecretBytes(copying: UnsafeRawBufferPointer(start: start, count: count))
  // Small limits, so that expansion meets them.
  let limits = JSONLimits(maximumBytes: 1 << 16, maximumDepth: 16)
  do {
    let value = try YAMLReader.parse(input, limits: limits)
    let json = value.compact()
    precondition(json.count <= limits.maximumBytes, "the expansion keeps to the limit")
    precondition((try? JSONValue.parse(json, limits: limits)) != nil, "what comes out is JSON")
    checkPositions(value, lines: lineBreaks(input) + 1)
  } catch {
    precondition(error.position.line >= 1 && error.position.line <= lineBreaks(input) + 1, "the fault is in the text")
    precondition(error.position.column >= 1)
    if (try? JSONValue.parse(input, limits: limits)) != nil {
      preconditionFailure("JSON is YAML")
    }
  }
  var lenient = limits
  lenient.duplicateKeys = .lastWins
  _ = try? YAMLReader.parse(input, limits: lenient)
  return 0
}

private func checkPositions(_ value: JSONValue, lines: Int) {
  precondition(value.position.line <= lines, "the value is in the text")
  for element in value.elements.prefix(8) {
    checkPositions(element, lines: lines)
  }
  for member in value.members.prefix(8) {
    checkPositions(member.name, lines: lines)
    checkPositions(member.value, lines: lines)
  }
}

private func lineBreaks(_ text: SecretBytes) -> Int {
  text.withUnsafeBytes { bytes in bytes.count { $0 == 0x0a || $0 == 0x0d } }
}
