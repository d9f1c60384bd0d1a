import JSONReader
import SecretBytes
import Testing

private let sample = """
  {
    "name": "a\\u00e9\\ud83d\\ude00\\n", "läge": [1, -0.5e+3, true, false, null, {}, []],
    "nested": {"deeper": {"deepest": [[["x"]]]}}
  }
  """

/// Touches all that a value offers.
private func walk(_ value: JSONValue) -> Int {
  var seen = 1
  _ = (value.int64, value.boolean, value.text, value.secret, value.sourceText, value.position, value.compact())
  for element in value.elements {
    seen += walk(element)
  }
  for member in value.members {
    seen += walk(member.name) + walk(member.value)
  }
  return seen
}

@Test func aDocumentCutShortAtAnyByteIsAFault() {
  let bytes = SecretBytes(sample)
  for length in 0..<bytes.count {
    let found = fault(bytes.slice(0..<length))
    #expect(found != nil, "cut after \(length) bytes")
    #expect(found.map { $0.position.line <= 4 } == true)
  }
  #expect(fault(bytes) == nil)
}

@Test func aDocumentWithAnyByteChangedIsReadOrAFault() {
  let bytes = Array(sample.utf8)
  var faults = 0
  for index in bytes.indices {
    for mask: UInt8 in [0x01, 0x02, 0x20, 0x80, 0xff] {
      var changed = bytes
      changed[index] ^= mask
      do {
        #expect(walk(try JSONValue.parse(SecretBytes(changed), limits: .payload)) > 10)
      } catch {
        faults += 1
      }
    }
  }
  #expect(faults > bytes.count)
}

@Test func randomTokensNeverTrap() {
  var random = SystemRandomNumberGenerator()
  let tokens = [
    "{", "}", "[", "]", ":", ",", "\"", "\\", "\"a\"", "1", "-", ".", "e", "null", "\\u12", "\\ud800", " ", "\n", "é",
    "\0",
  ]
  for _ in 0..<3000 {
    let text = (0..<Int.random(in: 0...24, using: &random)).map { _ in tokens.randomElement(using: &random) ?? "" }
      .joined()
    if let value = try? JSONValue.parse(SecretBytes(text), limits: .payload) {
      #expect(walk(value) >= 1)
    }
  }
}

@Test func depthIsLimitedExactly() throws {
  func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
  }
  #expect(fault(nested(64)) == nil)
  #expect(
    fault(nested(65)) == JSONFault(reason: .tooDeep(maximumDepth: 64), position: SourcePosition(line: 1, column: 65)))
  #expect(fault("1", JSONLimits(maximumDepth: 0)) == nil)
  #expect(fault("[]", JSONLimits(maximumDepth: 0))?.reason == .tooDeep(maximumDepth: 0))
  #expect(fault("[]", JSONLimits(maximumDepth: -1))?.reason == .tooDeep(maximumDepth: -1))
  #expect(fault("{\"a\":{\"a\":{}}}", JSONLimits(maximumDepth: 2))?.reason == .tooDeep(maximumDepth: 2))
  // Siblings are not deeper.
  #expect(fault("[[],[],[[]],[]]", JSONLimits(maximumDepth: 3)) == nil)
}

@Test func tenMillionBracketsAreAFaultAndNoStackOverflow() {
  let brackets = SecretBytes(String(repeating: "[", count: 10_000_000))
  #expect(fault(brackets)?.reason == .tooDeep(maximumDepth: 64))
}

@Test func unlimitedDepthDoesNotUseTheStack() throws {
  let depth = 200_000
  let text = String(repeating: "[{\"a\":", count: depth) + "1" + String(repeating: "}]", count: depth)
  let limits = JSONLimits(maximumDepth: .max)
  let value = try JSONValue.parse(SecretBytes(text), limits: limits)
  #expect(value.compact().count == text.utf8.count)
  #expect(fault(String(repeating: "[", count: depth), limits)?.reason == .endsBefore(.value))
}

@Test func sizeIsLimitedExactly() {
  #expect(fault("[12]", JSONLimits(maximumBytes: 4)) == nil)
  #expect(fault("[12] ", JSONLimits(maximumBytes: 4))?.reason == .tooLarge(maximumBytes: 4))
  #expect(fault("1", JSONLimits(maximumBytes: 0))?.reason == .tooLarge(maximumBytes: 0))
  #expect(fault("1", JSONLimits(maximumBytes: -5))?.reason == .tooLarge(maximumBytes: 0))
  #expect(fault("[1]", JSONLimits(maximumBytes: .max)) == nil)
}

@Test func manyNamesAreCheckedInLinearTime() throws {
  // Quadratic work would be 20 thousand million comparisons.
  let names = (0..<200_000).map { "\"name\($0)\":0" }
  let value = try JSONValue.parse(SecretBytes("{" + names.joined(separator: ",") + "}"), limits: .document)
  #expect(value.count == 200_000)
  #expect(value.member("name199999")?.int64 == 0)
  let last = "{" + names.joined(separator: ",") + ",\n\"name77\":0}"
  #expect(fault(last) == JSONFault(reason: .duplicateName, position: SourcePosition(line: 2, column: 1)))
}

@Test func equalNamesInGreatNumberAreOneFault() throws {
  let text = SecretBytes("{" + Array(repeating: "\"a\":0", count: 100_000).joined(separator: ",") + "}")
  #expect(fault(text)?.position == SourcePosition(line: 1, column: 8))
  #expect(try JSONValue.parse(text, limits: .payload).count == 100_000)
}

@Test func aLargeValueIsRead() throws {
  let long = String(repeating: "0123456789", count: 200_000)
  let value = try JSONValue.parse(SecretBytes("{\"a\":\"\(long)\",\"b\":\(long.dropFirst())}"), limits: .document)
  #expect(value.member("a")?.secret?.count == 2_000_000)
  #expect(value.member("b")?.sourceText.count == 1_999_999)
  #expect(value.member("b")?.int64 == nil)
}
