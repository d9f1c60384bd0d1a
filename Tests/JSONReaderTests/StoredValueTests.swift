import JSONReader
import SecretBytes
import Testing

private func stored(_ text: String) throws -> JSONValue {
  try JSONValue.parse(SecretBytes(text), limits: .storedValue)
}

@Test func aByteOrderMarkIsPassedOverInStoredValuesOnly() throws {
  let text = "\u{feff}{\"a\":\n 1}"
  #expect(try stored(text).member("a")?.int64 == 1)
  #expect(try stored(text).position == SourcePosition(line: 1, column: 1))
  #expect(try stored(text).member("a")?.position == SourcePosition(line: 2, column: 2))
  #expect(fault(text, .storedValue) == nil)
  for limits in [JSONLimits.document, .payload] {
    #expect(fault(text, limits)?.reason == .byteOrderMark)
  }
  // One mark, and at the start.
  #expect(fault("\u{feff}\u{feff}1", .storedValue)?.reason == .byteOrderMark)
  #expect(fault("[\u{feff}1]", .storedValue)?.position == SourcePosition(line: 1, column: 2))
  #expect(fault("\u{feff}", .storedValue)?.reason == .empty)
}

@Test(arguments: [
  (#""\ud800""#, 2), (#""\udfff""#, 2), (#""ab\ude00\ud83d""#, 4), (#""\ud800\ud800\udc00""#, 2),
  (#""\ud83d\ude00\ud800""#, 14), (#""\\ud800\ud801""#, 9), (#""\ud800\n""#, 2), (#""\ud800a""#, 2),
  (#""\ud800\u0061""#, 2), (#""\n\u0041é\udc00é""#, 12),
]) func halfASurrogatePairSpoilsItsStringAlone(_ text: String, column: Int) throws {
  let value = try stored("{\"good\":[\"\\ud83d\\ude00\"],\n\"bad\":\(text), \(text):1}")
  #expect(value.member("good")?.element(0)?.text == "😀")
  let bad = try #require(value.member("bad"))
  #expect(bad.kind == .string)
  #expect(bad.text == nil)
  #expect(bad.secret == nil)
  #expect(bad.loneSurrogate == SourcePosition(line: 2, column: 6 + column))
  #expect(bad.sourceText.unsafeString() == text)
  #expect(value.members.map(\.name.text) == ["good", "bad", nil])
  for limits in [JSONLimits.document, .payload] {
    #expect(fault(text, limits) == JSONFault(reason: .loneSurrogate, position: SourcePosition(line: 1, column: column)))
  }
}

@Test func aWholeStringHasNoLoneSurrogate() throws {
  for text in [#""\ud83d\ude00""#, #""\\ud800""#, "\"a\"", "1", "[]"] {
    #expect(try stored(text).loneSurrogate == nil)
  }
}

@Test func whatIsNoEscapeStaysAFaultBehindHalfAPair() {
  #expect(fault(#""\ud800\u12""#, .storedValue)?.reason == .expected(.hexadecimalDigit))
  #expect(fault(#""\ud800\x""#, .storedValue)?.reason == .invalidEscape)
  #expect(fault(#""\ud800"#, .storedValue)?.reason == .endsBefore(.closingQuote))
}

@Test func namesWithHalfAPairAreComparedAsTheyAreWritten() {
  let strict = JSONLimits(duplicateKeys: .rejected, allowsLoneSurrogates: true)
  #expect(fault(#"{"\ud800":1,"\ud800":2}"#, strict)?.reason == .duplicateName)
  #expect(fault(#"{"\ud800":1,"\udc00":2,"\n":3,"\u000a\ud800":4}"#, strict) == nil)
}
