import JSONReader
import SecretBytes
import Testing

private func parse(_ text: String, _ limits: JSONLimits = .document) throws -> JSONValue {
  try JSONValue.parse(SecretBytes(text), limits: limits)
}

@Test(arguments: [
  "1.0", "1e400", "-0", "12345678901234567890", "0.1000", "1E+2", "-0.0e-0", "100000000000000000000000000000000000001",
]) func aNumberStaysCharacterForCharacter(_ number: String) throws {
  let value = try parse("{\"n\": \(number) }")
  #expect(value.member("n")?.sourceText.unsafeString() == number)
  #expect(value.member("n")?.compact().unsafeString() == number)
  #expect(value.compact().unsafeString() == "{\"n\":\(number)}")
}

@Test func onlyIntegerLiteralsThatFitAreIntegers() throws {
  let cases: [(String, Int64?)] = [
    ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("9223372036854775807", .max), ("-9223372036854775808", .min),
    ("9223372036854775808", nil), ("-9223372036854775809", nil), ("99999999999999999999", nil), ("1.0", nil),
    ("1e3", nil),
    ("\"1\"", nil), ("true", nil), ("null", nil), ("[1]", nil),
  ]
  for (text, expected) in cases {
    #expect(try parse(text).int64 == expected, "\(text)")
  }
}

@Test func escapesAreDecoded() throws {
  #expect(try parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00z""#).text == "\"\\/\u{8}\u{c}\n\r\tAé€😀z")
  #expect(try parse(#""a\u0000b""#).secret == SecretBytes([0x61, 0, 0x62]))
  #expect(
    try parse(#""\udbff\udfff\ud800\udc00\uffff\ud7ff\ue000""#).text == "\u{10ffff}\u{10000}\u{ffff}\u{d7ff}\u{e000}")
  #expect(try parse("\"\"").secret?.isEmpty == true)
}

@Test func aStringGivesItsTextAndItsSource() throws {
  let value = try parse(#"["plain é","esc\taped"]"#)
  #expect(value.element(0)?.secret == SecretBytes("plain é"))
  #expect(value.element(0)?.sourceText == SecretBytes("\"plain é\""))
  #expect(value.element(1)?.secret == SecretBytes("esc\taped"))
  #expect(value.element(1)?.sourceText == SecretBytes(#""esc\taped""#))
}

@Test func aStringWithoutEscapesSharesTheDocumentsMemory() throws {
  let document = SecretBytes(#"{"a":"plain"}"#)
  let secret = try #require(JSONValue.parse(document, limits: .document).member("a")?.secret)
  let inside = document.withUnsafeBytes { whole in
    secret.withUnsafeBytes { part in part.baseAddress == whole.baseAddress.map { $0 + 6 } }
  }
  #expect(inside)
}

@Test func aValueOutlivesTheDocumentsVariable() throws {
  func value() throws -> JSONValue? {
    try parse(#"{"a":{"b":["c"]}}"#).member("a")?.member("b")?.element(0)
  }
  #expect(try value()?.text == "c")
}

@Test func kindsAreToldApart() throws {
  let value = try parse(#"[{},[],"",0,true,false,null]"#)
  #expect(value.elements.map(\.kind) == [.object, .array, .string, .number, .boolean, .boolean, .null])
  #expect(value.elements.map(\.boolean) == [nil, nil, nil, nil, true, false, nil])
  #expect(value.elements.map(\.isNull) == [false, false, false, false, false, false, true])
}

@Test func askingAValueOfAnotherKindGivesNothing() throws {
  for text in ["[1]", "\"a\"", "1", "true", "null"] {
    let value = try parse(text)
    #expect(value.member("a") == nil)
    #expect(Array(value.members).isEmpty)
  }
  for text in ["{\"a\":1}", "\"a\"", "1", "true", "null"] {
    let value = try parse(text)
    #expect(value.element(0) == nil)
    #expect(Array(value.elements).isEmpty)
  }
  for text in ["{\"a\":1}", "[\"a\"]", "1", "true", "null"] {
    #expect(try parse(text).text == nil)
    #expect(try parse(text).secret == nil)
  }
  #expect(try parse("\"a\"").count == 0)
}

@Test func elementsAreFoundByIndexOnlyWhereThereAreSome() throws {
  let value = try parse("[10,[20,21],{\"a\":30},40]")
  #expect(value.count == 4)
  #expect(value.element(0)?.int64 == 10)
  #expect(value.element(1)?.element(1)?.int64 == 21)
  #expect(value.element(3)?.int64 == 40)
  for index in [-1, 4, .max, .min] {
    #expect(value.element(index) == nil)
  }
}

@Test func membersComeInDocumentOrder() throws {
  let value = try parse(#"{"b":1,"a":{"x":[]},"c":[1,2]}"#)
  #expect(value.count == 3)
  #expect(value.members.map(\.name.text) == ["b", "a", "c"])
  #expect(value.members.map(\.value.kind) == [.number, .object, .array])
}

@Test func namesAreComparedDecodedAndByteForByte() throws {
  let value = try parse(#"{"caf\u00e9":1,"a\u0000":2,"":3,"a":4}"#)
  #expect(value.member("café")?.int64 == 1)
  #expect(value.member("cafe\u{301}") == nil)
  #expect(value.member("a\0")?.int64 == 2)
  #expect(value.member("")?.int64 == 3)
  #expect(value.member("a")?.int64 == 4)
  #expect(value.member("A") == nil)
  #expect(value.member("aa") == nil)
}

@Test(arguments: [
  (#"{"a":1,"a":2}"#, 8), (#"{"a":1,"b":2,"\u0061":3}"#, 14), (#"{"\n":1,"\u000a":2}"#, 9), (#"{"":1,"":2}"#, 7),
  (#"{"x":{"a":1,"a":2},"a":0,"a":0}"#, 13),
  (#"{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"\u0033":10}"#, 56),
  (#"{"1":1,"2":2,"\u0033":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"3":10}"#, 61),
]) func duplicateNamesAreAFaultInDocumentsOnly(_ text: String, column: Int) throws {
  #expect(fault(text) == JSONFault(reason: .duplicateName, position: SourcePosition(line: 1, column: column)))
  #expect(fault(text, .payload) == nil)
}

@Test func theSameNameInDifferentObjectsIsNoDuplicate() throws {
  #expect(fault(#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#) == nil)
}

@Test func theLastOfDuplicateNamesCountsInPayloads() throws {
  let value = try parse(#"{"a":1,"b":2,"\u0061":3}"#, .payload)
  #expect(value.member("a")?.int64 == 3)
  #expect(value.count == 3)
  #expect(value.members.map(\.value.int64) == [1, 2, 3])
}

@Test func compactTextHasNoWhiteSpaceBetweenTokensAndAllElseAsSent() throws {
  let text = "{ \"a b\" :\t[ 1.50 , \"x  \\\" \\\\\" , { } , [ ] ] ,\r\n \"\\u0041 \" : null }"
  #expect(try parse(text).compact().unsafeString() == #"{"a b":[1.50,"x  \" \\",{},[]],"\u0041 ":null}"#)
  #expect(try parse(text).member("a b")?.compact().unsafeString() == #"[1.50,"x  \" \\",{},[]]"#)
  #expect(try parse(text).member("a b")?.sourceText.unsafeString() == "[ 1.50 , \"x  \\\" \\\\\" , { } , [ ] ]")
  #expect(try parse("  \"a b\" ").compact().unsafeString() == "\"a b\"")
}

@Test func aValueDoesNotPrintWhatItHolds() throws {
  let value = try parse(#"{"hidden":"s3cret"}"#)
  var dumped = ""
  dump(value, to: &dumped)
  dump([value.member("hidden")], to: &dumped)
  dump(Array(value.members), to: &dumped)
  for text in ["\(value)", String(reflecting: value), String(describing: Array(value.members)), dumped] {
    #expect(!text.contains("s3cret"))
    #expect(!text.contains("hidden"))
    #expect(text.contains("<redacted>"))
  }
}
