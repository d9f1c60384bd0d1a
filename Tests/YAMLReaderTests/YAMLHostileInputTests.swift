import JSONReader
import SecretBytes
import Testing
import YAMLReader

private let sample = """
  # A job by hand.
  providers: &p
    - name: vault
      address: "https://vault.example:8200\\n"
  defaults: &d {ttl: 30, mode: 0x1a4, on: no}
  secrets:
    DB:
      <<: *d
      path: 'secret/data/é'
      note: |
        two
        lines
    ? OTHER
    : !!str 12
  again: *p
  """

@Test(arguments: [
  "a: [", "a: {", "a: 'x", "a: \"x", "a: b: c", "a: 1\n b: 2", "- a\nb: 1", "a: [1, 2", "a: ]", "a: }", "a: [}",
  "a: @x", "a: `x", "a: %x", "{a: 1",
  "%YAML 3.0\n---\na", "%FOO\nbar", "%TAG ! x\n%TAG ! y\n---\na", "!<tag a", "&", "*", "a: &", "a: *", "a: |x\n b",
  "a: |0\n b", "\"\\q\"", "\"\\xzz\"",
  "\"\\ud800\"", "a\nb: c", "!!", "! !x a", "&a &b c", "&a *a", "[a, b] c", "'a' b", "--- a\n--- b",
  "key: - a",
  "a: 'b' 'c'", "]", "}", ",", "[,]", "{,}", "a:\n\t- b", "\tb: 1", "a:\n  b: 1\n\tc: 2", "!x!y z", "...\n]",
]) func whatIsNotYAMLIsAFault(_ yaml: String) {
  let found = yamlFault(yaml)
  #expect(found != nil)
  #expect((found?.position.line ?? 0) >= 1)
}

@Test func faultsOfTheGrammarSayWhereAndWhat() {
  #expect(
    yamlFault("a: 1\nb: [1, 2\nc: 3\n")?.description
      == "line 3, column 2: did not find expected ',' or ']', while parsing a flow sequence that starts at line 2, column 4"
  )
  #expect(yamlFault("a:\n\t- b")?.description == "line 2, column 1: a tab must not indent; use spaces")
  #expect(yamlFault("é: 'é' é")?.position == SourcePosition(line: 1, column: 10))
}

@Test func bytesThatAreNoTextAreFaults() {
  #expect(yamlFault("a: 1\nb: x\0y")?.position == SourcePosition(line: 2, column: 5))
  #expect(yamlFault("a: \u{1}")?.position == SourcePosition(line: 1, column: 4))
  #expect(yamlFault("\u{feff}a: \u{1}")?.position == SourcePosition(line: 1, column: 4))
  #expect(yamlFault(SecretBytes(Array("a: \"é".utf8) + [0xe9, 0x22]))?.reason == .invalidUTF8)
  #expect(yamlFault(SecretBytes(Array("a: 1\nb: ".utf8) + [0xff]))?.position == SourcePosition(line: 2, column: 4))
  #expect(yamlFault(SecretBytes([0xed, 0xa0, 0x80]))?.reason == .invalidUTF8)
}

@Test func utf16IsAFault() {
  let text = Array("a: 1".utf16)
  let little = text.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
  let big = text.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
  #expect(yamlFault(SecretBytes([0xff, 0xfe] + little))?.description.contains("UTF-16") == true)
  #expect(yamlFault(SecretBytes([0xfe, 0xff] + big))?.description.contains("UTF-16") == true)
  #expect(yamlFault(SecretBytes(little)) != nil)
  #expect(yamlFault(SecretBytes(big)) != nil)
}

@Test func aDocumentCutShortAtAnyByteIsReadOrAFault() {
  let bytes = SecretBytes(sample)
  #expect(yamlFault(bytes) == nil)
  var faults = 0
  for length in 0..<bytes.count {
    if let found = yamlFault(bytes.slice(0..<length)) {
      faults += 1
      #expect(found.position.line <= 16)
    }
  }
  #expect(faults > 20)
}

@Test func aDocumentWithAnyByteChangedIsReadOrAFault() {
  let bytes = Array(sample.utf8)
  var faults = 0
  for index in bytes.indices {
    for mask: UInt8 in [0x01, 0x04, 0x20, 0x80] {
      var changed = bytes
      changed[index] ^= mask
      if let found = yamlFault(SecretBytes(changed), .payload) {
        faults += 1
        #expect(found.position.line <= 17)
      }
    }
  }
  #expect(faults > bytes.count)
}

@Test(arguments: ["[", "{", "- ", "? ", "[{a: "]) func deepNestingIsAFault(_ opening: String) {
  #expect(yamlFault(String(repeating: opening, count: 100_000)) != nil)
}

@Test func depthIsLimitedExactly() {
  func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + "x" + String(repeating: "]", count: depth)
  }
  #expect(yamlFault(nested(64)) == nil)
  #expect(
    yamlFault(nested(65))
      == JSONFault(reason: .tooDeep(maximumDepth: 64), position: SourcePosition(line: 1, column: 65)))
  #expect(yamlFault(nested(256), JSONLimits(maximumDepth: .max)) == nil)
  #expect(yamlFault(nested(257), JSONLimits(maximumDepth: .max))?.reason == .tooDeep(maximumDepth: 256))
  #expect(yamlFault("[x]", JSONLimits(maximumDepth: -1))?.reason == .tooDeep(maximumDepth: -1))
}

@Test func sizeIsLimited() {
  #expect(yamlFault("abc", JSONLimits(maximumBytes: 5)) == nil)
  #expect(yamlFault("abc   ", JSONLimits(maximumBytes: 5))?.reason == .tooLarge(maximumBytes: 5))
  // The JSON form has more bytes than the text.
  #expect(yamlFault("abc", JSONLimits(maximumBytes: 4))?.reason == .tooLarge(maximumBytes: 4))
  #expect(yamlFault("a", JSONLimits(maximumBytes: -1))?.reason == .tooLarge(maximumBytes: 0))
}

@Test func directivesInGreatNumberAreAFault() {
  // libyaml would take time that grows with the square of their number.
  let tags = (0..<100_000).map { "%TAG !a\($0)! b\n" }.joined()
  #expect(yamlFault(tags + "--- a")?.position == SourcePosition(line: 65, column: 1))
  #expect(yamlFault("--- a\n...\n" + tags + "--- b")?.position == SourcePosition(line: 67, column: 1))
}

@Test func faultsHoldNothingOfTheDocument() {
  for yaml in [
    "s3cret: [", "a: *s3cret", "!s3cret a", "s3cret: 1\ns3cret: 2", "'s3cret", "s3cret\n: - @s3cret", "%s3cret\n",
    "!s3cret!a b", "&s3cret &s3cret a",
  ] {
    var dumped = ""
    if let found = yamlFault(yaml) {
      dump(found, to: &dumped)
      dumped += found.description
    }
    #expect(!dumped.isEmpty, "\(yaml)")
    #expect(!dumped.contains("s3cret"))
  }
}
