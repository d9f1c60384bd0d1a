import Resolution
import SecretBytes
import Testing

private func extract(_ field: String, from payload: String) -> Result<String?, FieldExtraction.Fault> {
  Result { () throws(FieldExtraction.Fault) in
    try FieldExtraction(payload: SecretBytes(payload)).value(of: field).unsafeString()
  }
}

private func message(_ field: String, from payload: String) -> String? {
  if case .failure(let fault) = extract(field, from: payload) { fault.message } else { nil }
}

/// PowerShell and Notepad put a byte order mark before what they save.
@Test func aStoredValueIsReadBehindAByteOrderMark() {
  #expect(extract("password", from: "\u{feff}{\"password\": \"p\"}") == .success("p"))
}

@Test func ofTwoEqualKeysOfAStoredValueTheLastCounts() {
  #expect(extract("a", from: #"{"a": "1", "b": 2, "\u0061": "3"}"#) == .success("3"))
  #expect(extract("o.a", from: #"{"o": {"a": 1, "a": 2}}"#) == .success("2"))
}

@Test func halfASurrogatePairSpoilsOnlyTheFieldThatHoldsIt() {
  let payload = "{\"good\": \"p\",\n \"bad\": \"s3cret\\ud83d\", \"o\": {\"k\": \"\\udc00\"}}"
  #expect(extract("good", from: payload) == .success("p"))
  // JSON text is given as it was stored, escapes and all.
  #expect(extract("o", from: payload) == .success(#"{"k":"\udc00"}"#))
  #expect(
    message("bad", from: payload)
      == #"field bad holds half of a surrogate pair (\ud800-\udfff), line 2, column 16, which is no text; write the character whole in the store"#
  )
  #expect(message("o.k", from: payload)?.contains("line 2, column 37") == true)
  #expect(message("none", from: payload)?.contains("there are: good, bad, o") == true)
}

@Test(arguments: [
  ("plain", "line 1, column 1: expected a value"), ("{\n  \"a\": s3cret}", "line 2, column 8: expected a value"),
  ("{\"a\": 1,}", "line 1, column 8: a comma must not stand"), ("", "line 1, column 1: the document is empty"),
]) func whatIsNotJSONSaysWhereAndNothingOfTheValue(_ payload: String, place: String) throws {
  let said = try #require(message("a", from: payload))
  #expect(said.contains("not JSON, so it has no fields (\(place)"))
  #expect(!said.contains("s3cret"))
}

@Test func bytesThatAreNoTextSayWhere() throws {
  let utf16 = SecretBytes([0xff, 0xfe, 0x7b, 0x00])
  let fault = try #require(throws: FieldExtraction.Fault.self) { _ = try FieldExtraction(payload: utf16) }
  #expect(fault.message.contains("line 1, column 1: the text is not UTF-8"))
}
