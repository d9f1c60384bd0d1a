import JSONReader
import SecretBytes
import Testing

/// Texts that RFC 8259 allows.
private let wellFormed: [String] = [
  // Any scalar is a document.
  "null", "true", "false", "0", "-1", "\"\"", "\"text\"", " \t\r\n1 \t\r\n",
  // Arrays.
  "[]", "[ ]", "[\n]", "[[]]", "[[],[[]]]", "[1]", "[1,2]", "[ 1 , 2 ]", "[null,1,\"1\",{}]", "[\"\"]", "[ \"a\"]",
  // Objects.
  "{}", "{ }", "{\"\":0}", "{\"a\":{}}", "{\"a\":[]}", "{ \"a\" : 1 , \"b\" : 2 }", "{\"a\\u0000b\":1}",
  "{\n\"a\"\n:\n1\n}",
  "{\"\\\"\\\\\":\"\"}", "{\"a\":1,\"A\":2}",
  // Two forms of é are two names: bytes are compared, not characters.
  "{\"\u{e9}\":1,\"e\u{301}\":2}",
  // Numbers.
  "-0", "0.0", "-0.0", "1.5", "123456789012345678901234567890", "0e1", "0e+1", "0E-1", "1e400", "1E22", "1.0e-10",
  "-1.25E+2",
  "[1e1,20e1]",
  // Strings.
  "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u00e9\\u00E9\"", "\"\\ud83d\\ude00\"", "\"\\uD834\\uDD1E\"", "\"\\u0000\"",
  "\"\\uffff\"",
  "\"\\ud800\\udc00\"", "\"\\udbff\\udfff\"", "\"\\\\u0000\"", "\"\\\\n\"", "\"\u{7f}\"", "\"\u{80}\"", "\"é 東京 😀\"",
  "\"\u{2028}\u{2029}\"",
  "\"\u{feff}\"", "\"\u{10ffff}\"", "\"/* no comment */ // #\"", "\"'\"", "\"a\\\"\"",
]

/// Texts that it does not, with the place of the fault in its one line.
private let malformed: [(String, column: Int)] = [
  ("", 1), (" ", 2), ("\t", 2),
  // After and between values.
  ("1 2", 3), ("[] []", 4), ("{}}", 3), ("[]]", 3), ("null,", 5), ("[1 2]", 4), ("[1;2]", 3), ("[1:2]", 3),
  ("{\"a\":1 \"b\":2}", 8),
  // Commas.
  ("[1,]", 3), ("[,1]", 2), ("[1,,2]", 4), ("[,]", 2), ("{\"a\":1,}", 7), ("{,\"a\":1}", 2), ("{\"a\":1,,\"b\":2}", 8),
  // Not closed, or closed by the other bracket.
  ("[", 2), ("[1", 3), ("[1,", 4), ("{", 2), ("{\"a\"", 5), ("{\"a\":", 6), ("{\"a\":1", 7), ("{\"a\":1,", 8),
  ("[}", 2), ("{]", 2),
  ("[1}", 3), ("{\"a\":1]", 7), ("[[1]", 5), ("]", 1), ("}", 1),
  // Names.
  ("{a:1}", 2), ("{'a':1}", 2), ("{1:1}", 2), ("{null:1}", 2), ("{\"a\" 1}", 6), ("{\"a\":}", 6), ("{:1}", 2),
  ("{\"a\"::1}", 6),
  ("{\"a\",1}", 5), ("{[]:1}", 2), ("{\"a\"}", 5),
  // Literals.
  ("nul", 4), ("nulll", 5), ("True", 1), ("TRUE", 1), ("tru", 4), ("fals", 5), ("nan", 1), ("NaN", 1), ("Infinity", 1),
  ("undefined", 1),
  ("[nul]", 2), ("truefalse", 5), ("n", 2), ("yes", 1),
  // Numbers.
  ("-", 2), ("+1", 1), (".5", 1), ("5.", 3), ("-.5", 2), ("1.e5", 3), ("01", 1), ("-01", 2), ("00", 1), ("012.5", 1),
  ("0x1f", 2), ("1e", 3),
  ("1e+", 4), ("1E-", 4), ("1.5.5", 4), ("--1", 2), ("1_000", 2), ("1e1.5", 4), ("1e1e1", 4), ("-Infinity", 2),
  ("0b1", 2), ("1a", 2),
  ("[-]", 3), ("[1.]", 4), ("\u{ff11}", 1),
  // Strings.
  ("\"", 2), ("\"a", 3), ("\"\\\"", 4), ("\"\\", 3), ("'a'", 1), ("\"\\a\"", 2), ("\"\\'\"", 2), ("\"\\x41\"", 2),
  ("\"\\u\"", 4), ("\"\\u12\"", 6),
  ("\"\\u123g\"", 7), ("\"\\U0041\"", 2), ("\"\\ 1\"", 2), ("\"\u{1}\"", 2), ("\"\t\"", 2), ("\"a\n\"", 3),
  ("\"\u{1f}\"", 2), ("\"\0\"", 2),
  ("`a`", 1), ("\"\\é\"", 2), ("\"\\u00é0\"", 6),
  // Lone surrogates.
  ("\"\\ud800\"", 2), ("\"\\udfff\"", 2), ("\"\\ude00\\ud83d\"", 2), ("\"\\ud800\\ud800\"", 2), ("\"\\ud800\\n\"", 2),
  ("\"\\ud800a\"", 2),
  ("\"\\ud800\\u0061\"", 2), ("\"a\\udbff\"", 3), ("\"\\ud83d\\u\"", 10), ("{\"\\ud800\":1}", 3), ("\"\\ud800\\", 2),
  // What other dialects have.
  ("[1] // end", 5), ("/* */ 1", 1), ("# 1", 1), ("[1, # one\n2]", 5), ("1;", 2), ("*", 1), ("<1>", 1), ("(1)", 1),
  ("\u{a0}1", 1),
  ("[\u{c}]", 2), ("[\u{b}1]", 2), ("\u{2028}1", 1), ("\0", 1), ("1\0", 2), ("[\0]", 2), ("{\"a\":1}\u{0}", 8),
  ("\u{feff}1", 1),
]

@Test(arguments: wellFormed) func acceptsWhatTheGrammarAllows(_ text: String) throws {
  let value = try JSONValue.parse(SecretBytes(text), limits: .document)
  #expect(try JSONValue.parse(value.compact(), limits: .document).kind == value.kind)
}

@Test(arguments: malformed) func rejectsWhatTheGrammarDoesNotAllow(_ text: String, column: Int) {
  #expect(fault(text)?.position == SourcePosition(line: 1, column: column), "\(fault(text)?.description ?? "accepted")")
  #expect(fault(text, .payload) == fault(text, .document))
}

@Test(arguments: malformed) func rejectsItInsideADocumentToo(_ text: String, column: Int) {
  #expect(fault("{\"before\":[1,\n" + text + "\n],\"after\":1}") != nil)
}

@Test(
  arguments: [
    // Not UTF-8: stray continuation, overlong, surrogate, above U+10FFFF, cut short, Latin-1, five and six bytes.
    [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff],
    [0xfe], [0xe9],
    [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
    [0xc3, 0x28],
  ] as [[UInt8]]) func rejectsTextThatIsNotUTF8(_ bytes: [UInt8])
{
  // In a value, in a name, in a part that nobody asks for, behind a run of plain text, and outside strings.
  for (before, after) in [("\"", "\""), ("{\"", "\":1}"), ("[1,\"0123456789", "abcdefghij\"]"), ("", "")] {
    let text = Array(before.utf8) + bytes + Array(after.utf8)
    let found = fault(SecretBytes(text))
    #expect(found?.reason == .invalidUTF8)
    #expect(found?.position == SourcePosition(line: 1, column: before.utf8.count + 1))
  }
}

@Test func rejectsUTF16() {
  let text = Array("[\"a\"]".utf16)
  #expect(fault(SecretBytes(text.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] })) != nil)
  #expect(fault(SecretBytes(text.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] })) != nil)
  #expect(
    fault(SecretBytes([0xff, 0xfe] + text.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }))?.reason == .invalidUTF8)
}

@Test func findsSpecialBytesAtEveryPlaceOfARun() throws {
  for length in 0..<40 {
    let plain = String(repeating: "x", count: length)
    #expect(try JSONValue.parse(SecretBytes("\"\(plain)\\n\"  "), limits: .document).text == plain + "\n")
    #expect(try JSONValue.parse(SecretBytes("\"\(plain)é\"      "), limits: .document).text == plain + "é")
    #expect(try JSONValue.parse(SecretBytes("\"\(plain)\"       "), limits: .document).text == plain)
    #expect(fault("\"\(plain)\u{1f}        \"")?.position.column == length + 2)
    #expect(fault("\"\(plain)")?.reason == .endsBefore(.closingQuote))
  }
}

func fault(_ text: String, _ limits: JSONLimits = .document) -> JSONFault? {
  fault(SecretBytes(text), limits)
}

func fault(_ bytes: SecretBytes, _ limits: JSONLimits = .document) -> JSONFault? {
  do {
    _ = try JSONValue.parse(bytes, limits: limits)
    return nil
  } catch {
    return error
  }
}
