import JSONReader
import SecretBytes
import Testing
import YAMLReader

/// Plain scalars and their JSON in the YAML 1.2 core schema.
private let plainScalars: [(String, String)] = [
  ("null", "null"), ("Null", "null"), ("NULL", "null"), ("~", "null"), ("", "null"), ("nULL", "\"nULL\""),
  ("nil", "\"nil\""),
  ("true", "true"), ("True", "true"), ("TRUE", "true"), ("false", "false"), ("False", "false"), ("FALSE", "false"),
  ("tRUE", "\"tRUE\""), ("yes", "\"yes\""), ("no", "\"no\""), ("on", "\"on\""), ("off", "\"off\""), ("y", "\"y\""),
  ("n", "\"n\""),
  ("NO", "\"NO\""), ("Yes", "\"Yes\""),
  ("0", "0"), ("-0", "-0"), ("+0", "0"), ("12", "12"), ("-12", "-12"), ("+12", "12"),
  ("12345678901234567890123", "12345678901234567890123"),
  ("0x1f", "31"), ("0xFF", "255"), ("0xffffffffffffffff", "18446744073709551615"), ("0o17", "15"), ("0o0", "0"),
  ("0x", "\"0x\""),
  ("0xg", "\"0xg\""), ("0o8", "\"0o8\""), ("-0x1f", "\"-0x1f\""), ("0X1F", "\"0X1F\""), ("0b1", "\"0b1\""),
  ("1_000", "\"1_000\""),
  ("1.5", "1.5"), ("1.0", "1.0"), ("-1.50", "-1.50"), (".5", "0.5"), ("-.5", "-0.5"), ("+.5", "0.5"), ("5.", "5.0"),
  ("+1.e3", "1.0e3"),
  ("1e3", "1e3"), ("1E+3", "1E+3"), ("1e400", "1e400"), (".5e-1", "0.5e-1"), (".", "\".\""), ("-", "[null]"),
  ("+", "\"+\""), ("-.", "\"-.\""),
  (".e3", "\".e3\""), ("1e", "\"1e\""), ("1e+", "\"1e+\""), ("e3", "\"e3\""), ("1.2.3", "\"1.2.3\""),
  ("--1", "\"--1\""), ("+-1", "\"+-1\""),
  ("2001-12-31", "\"2001-12-31\""), ("12:30:45", "\"12:30:45\""), ("1 2", "\"1 2\""), ("0.5x", "\"0.5x\""),
  ("inf", "\"inf\""), ("nan", "\"nan\""),
  ("..inf", "\"..inf\""), ("a b c", "\"a b c\""), ("é\u{1f600}", "\"é\u{1f600}\""), ("a#b", "\"a#b\""),
  ("a: b", "{\"a\":\"b\"}"), ("<<", "\"<<\""),
  ("=", "\"=\""), ("0", "0"), ("0.0", "0.0"), ("0e0", "0e0"),
]

@Test(arguments: plainScalars) func plainScalarsFollowTheCoreSchema(_ text: String, json: String) throws {
  #expect(try compact(text) == json)
  let inside = text.contains(": ") || text == "-" ? nil : try compact("k: \(text)\nl: [\(text)]")
  #expect(inside == nil || inside == "{\"k\":\(json),\"l\":[\(text.isEmpty ? "" : json)]}")
}

@Test(arguments: plainScalars) func quotedScalarsAreStrings(_ text: String, json: String) throws {
  let value = try YAMLReader.parse(SecretBytes("'\(text)'"), limits: .document)
  #expect(value.text == text)
  #expect(try YAMLReader.parse(SecretBytes("!!str \"\(text)\""), limits: .document).text == text)
}

@Test(arguments: [
  "00", "007", "0400", "-01", "+00.5", "01e3", ".inf", ".Inf", ".INF", "-.inf", "+.Inf", ".nan", ".NaN", ".NAN",
  "0x10000000000000000",
  "0o2000000000000000000000",
]) func numbersWithoutOneMeaningAreFaults(_ text: String) throws {
  let found = try #require(yamlFault("a:\n  \(text)"))
  #expect(found.position == SourcePosition(line: 2, column: 3))
  #expect(found.description.contains("quote"))
  #expect(try compact("'\(text)'") == "\"\(text)\"")
  // A key is text anyhow.
  #expect(try compact("\(text): 1") == "{\"\(text)\":1}")
}

@Test func tagsOfTheCoreSchemaAreHonoured() throws {
  #expect(try compact("[!!str 12, !!str true, !!str , ! 1.0, !!str 0400]") == #"["12","true","","1.0","0400"]"#)
  #expect(
    try compact("[!!int '12', !!float \"1.5\", !!float 1, !!bool 'true', !!null '', !!null ~]")
      == "[12,1.5,1,true,null,null]")
  #expect(try compact("!!map {a: !!seq [1]}") == #"{"a":[1]}"#)
  #expect(try compact("!<tag:yaml.org,2002:str> 1") == "\"1\"")
  #expect(try compact("%TAG !y! tag:yaml.org,2002:\n---\n!y!str 1") == "\"1\"")
}

@Test(arguments: [
  "!!int a", "!!int 1.5", "!!int 0400", "!!float x", "!!float .inf", "!!bool yes", "!!bool 1", "!!null x",
  "!!binary aGk=", "!!timestamp 2001-01-01",
  "!mine 1", "!!map 1", "!!seq 1", "!!str [1]", "!!map [1]", "!!seq {a: 1}", "!!set {a}", "!Ref x", "!<x> 1",
  "!!python/object:os.system x",
]) func otherTagsAreFaults(_ text: String) {
  let found = yamlFault("- 1\n- \(text)")
  #expect(found?.position == SourcePosition(line: 2, column: 3))
}

@Test func blockAndFoldedScalarsKeepTheirText() throws {
  #expect(
    try compact("a: |\n  one\n  two\nb: >-\n  three\n  four\nc: |+\n  x\n\nd: |2\n    y\n")
      == #"{"a":"one\ntwo\n","b":"three four","c":"x\n\n","d":"  y\n"}"#)
  #expect(try compact("a: |\n  0x1f\n") == #"{"a":"0x1f\n"}"#)
  #expect(try compact("\"\\x41\\u00e9\\U0001F600\\0\\e\\\n  x\"") == "\"Aé\u{1f600}\\u0000\\u001bx\"")
  #expect(try compact("a\n b\n\n c") == #""a b\nc""#)
}

func compact(_ yaml: String, _ limits: JSONLimits = .document) throws -> String? {
  try YAMLReader.parse(SecretBytes(yaml), limits: limits).compact().unsafeString()
}

func yamlFault(_ yaml: String, _ limits: JSONLimits = .document) -> JSONFault? {
  yamlFault(SecretBytes(yaml), limits)
}

func yamlFault(_ yaml: SecretBytes, _ limits: JSONLimits = .document) -> JSONFault? {
  do {
    _ = try YAMLReader.parse(yaml, limits: limits)
    return nil
  } catch {
    return error
  }
}
