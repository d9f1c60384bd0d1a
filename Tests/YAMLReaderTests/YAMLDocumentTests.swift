import JSONReader
import SecretBytes
import Testing
import YAMLReader

@Test func readsMappingsAndSequences() throws {
  let yaml = """
    # what people write
    secret_providers:
      vault: {type: vault, address: "https://vault:8200"}
    secrets:
    - name: DB   # the database
      path: 'secret/data/it''s'
    - name: NONE
      path:
    ? explicit
    : - a
      - - b
    """
  #expect(
    try compact(yaml)
      == #"{"secret_providers":{"vault":{"type":"vault","address":"https://vault:8200"}},"secrets":[{"name":"DB","path":"secret/data/it's"},{"name":"NONE","path":null}],"explicit":["a",["b"]]}"#
  )
}

@Test(arguments: [
  "", " ", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "%YAML 1.2\n---\n", "\u{feff}", "--- ~",
])
func aStreamWithoutADocumentIsNull(_ yaml: String) throws {
  #expect(try YAMLReader.parse(SecretBytes(yaml), limits: .document).isNull)
}

@Test func aSecondDocumentIsAFault() {
  let found = yamlFault("a: 1\n---\nb: 2\n")
  #expect(found?.description == "line 2, column 1: a second YAML document starts here; only one is read")
  #expect(yamlFault("---\na: 1\n...\n---\nb: 2\n")?.position.line == 4)
  #expect(yamlFault("---\n---\n")?.position.line == 2)
  #expect(yamlFault("---\na: 1\n...\n") == nil)
}

@Test func keysAreTheirText() throws {
  #expect(
    try compact("1: a\ntrue: b\n~: c\n1.50: d\n0x1f: e\nno: f\n'': g\n2001-01-01: h")
      == #"{"1":"a","true":"b","~":"c","1.50":"d","0x1f":"e","no":"f","":"g","2001-01-01":"h"}"#)
  #expect(try compact("- &k key\n- *k : value") == #"["key",{"key":"value"}]"#)
}

@Test(arguments: [
  ("a: 1\n[b]: 2", SourcePosition(line: 2, column: 1)), ("{a: 1}: 2", SourcePosition(line: 1, column: 1)),
  ("? - a\n: 1", SourcePosition(line: 1, column: 3)), (": 1", SourcePosition(line: 1, column: 1)),
  ("- &a [1]\n- *a : 1", SourcePosition(line: 2, column: 3)), ("{[a, b]: 1}", SourcePosition(line: 1, column: 2)),
]) func aKeyThatIsNotTextIsAFault(_ yaml: String, position: SourcePosition) {
  #expect(yamlFault(yaml)?.position == position)
  #expect(yamlFault(yaml)?.description.contains("key") == true)
}

@Test func duplicateKeysAreAFaultAtTheirPlace() throws {
  #expect(
    yamlFault("a: 1\nb: 2\n'a': 3") == JSONFault(reason: .duplicateName, position: SourcePosition(line: 3, column: 1)))
  #expect(yamlFault("x:\n- {é: 1, \"\\u00e9\": 2}")?.position == SourcePosition(line: 2, column: 11))
  #expect(yamlFault("1: a\n\"1\": b")?.reason == .duplicateName)
  #expect(try compact("a: 1\na: 2", .payload) == #"{"a":1,"a":2}"#)
  #expect(try YAMLReader.parse(SecretBytes("a: 1\na: 2"), limits: .payload).member("a")?.int64 == 2)
}

@Test func valuesKnowTheirPlaceInTheYAML() throws {
  let value = try YAMLReader.parse(
    SecretBytes("# é\nlist:\n  - é: {k: text}\n  - [1, &x two]\nmore: *x\n"), limits: .document)
  #expect(value.position == SourcePosition(line: 2, column: 1))
  let list = try #require(value.member("list"))
  #expect(list.position == SourcePosition(line: 3, column: 3))
  // Bytes: é is two.
  #expect(list.element(0)?.member("é")?.position == SourcePosition(line: 3, column: 9))
  #expect(list.element(1)?.element(1)?.position == SourcePosition(line: 4, column: 9))
  #expect(value.members.map(\.name.position.line) == [2, 5])
  // What an alias gives stands where its anchor is.
  #expect(value.member("more")?.position == SourcePosition(line: 4, column: 9))
}

@Test func windowsLinesAndByteOrderMarkAreRead() throws {
  let value = try YAMLReader.parse(SecretBytes("\u{feff}a: 1\r\nb: 2\r\n"), limits: .document)
  #expect(value.member("b")?.position == SourcePosition(line: 2, column: 4))
  #expect(value.compact().unsafeString() == #"{"a":1,"b":2}"#)
}

@Test func readsJSONThatLibyamlWouldNot() throws {
  let long = String(repeating: "k", count: 2000)
  for json in [
    #"{"a":"\ud83d\ude00\/"}"#, "{\t\"a\"\t:\t[1]\t}", "{\"\(long)\":1}", "{\"a\"\n:1}", "[1.50,1e400,-0]", "\"\\/\"",
    "\t7",
  ] {
    let value = try YAMLReader.parse(SecretBytes(json), limits: .document)
    #expect(try value.compact() == JSONValue.parse(SecretBytes(json), limits: .document).compact())
  }
  // What only looks like JSON is YAML.
  #expect(try compact("{a: 1, b: [x, 0x1f,],}") == #"{"a":1,"b":["x",31]}"#)
  #expect(try compact("\"a\": 'b'") == #"{"a":"b"}"#)
}
