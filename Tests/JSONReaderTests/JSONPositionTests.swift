import JSONReader
import SecretBytes
import Testing

@Test func valuesKnowTheirPlace() throws {
  let value = try JSONValue.parse(
    SecretBytes("{\n  \"é\": [1,\r\n    true],\r  \"b\": {}\n}"), limits: .document)
  #expect(value.position == SourcePosition(line: 1, column: 1))
  #expect(
    value.members.map(\.name.position) == [SourcePosition(line: 2, column: 3), SourcePosition(line: 4, column: 3)])
  // Bytes: é is two.
  #expect(value.member("é")?.position == SourcePosition(line: 2, column: 9))
  #expect(value.member("é")?.element(0)?.position == SourcePosition(line: 2, column: 10))
  #expect(value.member("é")?.element(1)?.position == SourcePosition(line: 3, column: 5))
  #expect(value.member("b")?.position == SourcePosition(line: 4, column: 8))
}

@Test func faultsSayWhereAndWhat() {
  #expect(fault("{\n  \"a\": 1\n  \"b\": 2\n}")?.description == "line 3, column 3: expected ',' or '}'")
  #expect(fault("[1\n")?.description == "line 2, column 1: the document ends where ',' or ']' is expected")
  #expect(fault("")?.description == "line 1, column 1: the document is empty")
  #expect(fault("[1,\n]")?.description == "line 1, column 3: a comma must not stand before '}' or ']'")
  #expect(fault("{\n// no\n}")?.description == "line 2, column 1: JSON has no comments")
  #expect(
    fault("{\"a\":\n{\"x\":1,\"x\":2}}")?.description
      == "line 2, column 8: the object has a member of this name already")
  #expect(fault("\u{feff}{}")?.reason == .byteOrderMark)
}

@Test func faultsHoldNothingOfTheDocument() {
  for text in [
    #"{"s3cret":1,"s3cret":2}"#, "[s3cret]", "\"s3cret", "\"s3cret\u{1}\"", "[1] s3cret", #""s3cret\ud800""#,
    "[-s3cret]",
  ] {
    var dumped = ""
    if let found = fault(text) {
      dump(found, to: &dumped)
      dumped += found.description + String(reflecting: found)
    }
    #expect(!dumped.isEmpty)
    #expect(!dumped.contains("s3cret"))
  }
}
