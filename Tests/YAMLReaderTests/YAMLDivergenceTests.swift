import JSONReader
import SecretBytes
import Testing
import YAMLReader

/// Texts that libyaml takes, and YAML 1.2.2 reads otherwise or not at all; and where that shows.
private let divergent: [(yaml: String, line: Int, column: Int)] = [
  // Text to YAML 1.2 (§7.3.3), a key's mark to libyaml.
  ("[?x]", 1, 2), ("[a, ?b]", 1, 5), ("{?a: b}", 1, 2), ("{ é: 1,\n ?c: d}", 2, 2), ("k: [?x]", 1, 5),
  // Names of anchors and aliases go on up to a space (§6.9.2).
  ("a: &an:chor b", 1, 7), ("a: &x:\n  - b", 1, 6), ("- &x 1\n- *x: 2", 2, 5), ("- &x 1\n- {*x: 2}", 2, 6),
  ("- &x 1\n- [*x:]", 2, 6), ("é: &x 1\nb: {*x: 2}", 2, 7),
  // No text between brackets (§7.3.3).
  ("[-]", 1, 2), ("[a, -]", 1, 5), ("{-: a}", 1, 2), ("- [-, b]", 1, 4),
  // No comment without a space before it (§6.6).
  ("a: 'b'#c", 1, 7), ("a: \"b\"#c", 1, 7), ("[a]#c", 1, 4), ("[a,#c\n b]", 1, 4), ("{a: b,#c\n}", 1, 7),
  ("a: |#c\n  b\n", 1, 5), ("a: >-#c\n  b\n", 1, 6), ("a: |2#c\n  b\n", 1, 6), ("%YAML 1.2#c\n--- a", 1, 10),
  ("é: ''#c", 1, 7),
  // Tabs do not indent (§6.1).
  ("a: \"b\n\tc\"", 2, 1), ("a: 'b\n\tc'", 2, 1), ("- [\n\ta,\n b]", 2, 1), ("a:\n  b: {\n \tc: d}", 3, 2),
  ("a: [b,\n  'c\n\td']", 3, 1), ("- - \"a\n  \tb\"", 2, 3),
  ("-\t- a", 1, 2), ("- \t- a", 1, 3), ("-\ta: b", 1, 2), ("- \t&x a: b", 1, 3), ("?\ta: b", 1, 2), ("\ta: b", 1, 1),
  ("a:\n - b\n \t- c", 3, 2), ("a:\n  b: 1\n\tc: 2", 3, 1), ("a:\n\t- b", 2, 1), ("a: b\n\tc", 2, 1),
  ("é:\n  -\t? a", 2, 4),
  // What stands behind the last line break of a block.
  ("a: |\n  b\n   ", 3, 1), ("- |+\n   ", 2, 1), ("a: >\n  b\n\n ", 4, 1),
  // Line ends of YAML 1.1 (§5.4), in keys, values, comments.
  ("a: b\u{2028}c: d", 1, 5), ("a: b\u{85}c: d", 1, 5), ("a: 'b\u{85}c'", 1, 6), ("a: b # c\u{2029}d: e", 1, 9),
  ("é: \"\u{2028}\"", 1, 6), ("a: |\n  b\u{2028}c\n", 2, 4),
  // A byte order mark that is not the first character (§5.2).
  ("a: \u{feff}b", 1, 4), ("\u{feff}\u{feff}a: b", 1, 1), ("a: b\n\u{feff}c: d", 2, 1), ("a: b\u{feff}", 1, 5),
  // Another version's numbers and booleans.
  ("%YAML 1.1\n---\na: yes", 1, 1), ("# c\n%YAML 1.1\n--- 0o17", 2, 1),
]

@Test(arguments: divergent)
func whatLibyamlReadsInItsOwnWayIsAFault(_ yaml: String, line: Int, column: Int) throws {
  let found = try #require(yamlFault(yaml), "it was read")
  #expect(found.position == SourcePosition(line: line, column: column), "\(found)")
}

@Test(arguments: [
  ("[a?b, 'a ?b', \"?\", a?]", #"["a?b","a ?b","?","a?"]"#), ("{? a : b}", #"{"a":"b"}"#), ("? a\n: b", #"{"a":"b"}"#),
  ("?\n  a\n:\n  b", #"{"a":"b"}"#), ("?x: 1", #"{"?x":1}"#),
  ("- -x\n- '-'\n- [-x, --, '-']", #"["-x","-",["-x","--","-"]]"#),
  ("- &x-1_a 1\n- {*x-1_a : 2}\n- [*x-1_a,*x-1_a]\n- [&y,b]", #"[1,{"1":2},[1,1],[null,"b"]]"#),
  ("a: &x\n  b\nc: *x", #"{"a":"b","c":"b"}"#), ("{\"a\":b, [c]: d}", nil),
  ("a: b#c\nd: 'e' # f\n#g\n  # h\nk:\t# l\n  m", #"{"a":"b#c","d":"e","k":"m"}"#),
  ("# é\n[a#b, #c\n]#", nil), ("[a#b, #c\n] #", #"["a#b"]"#), ("#a\n---\t#b\n- c\n... #d", #"["c"]"#),
  ("a: | # c\n  #b\n #c\n#d\ne: f", ##"{"a":"#b\n","e":"f"}"##), ("a: |-\n  b", #"{"a":"b"}"#),
  ("%YAML 1.2 # c\n--- a", #""a""#), ("%TAG ! tag:x # c\n---\na", #""a""#),
  ("a: \"b\n \tc\n\t\n  d\"", #"{"a":"b c\nd"}"#), ("a: [\n \tb,\n\t\n c]", #"{"a":["b","c"]}"#),
  ("{a:\n\tb,\n\tc: d}", #"{"a":"b","c":"d"}"#), ("\"a\n\tb\"", #""a b""#),
  // Tabs that separate (§6.2).
  ("-\tb\n- \t 'c'\n-\t[d]\n-\t\t-1", #"["b","c",["d"],-1]"#), ("a: 1\n\t\nb: [2]\n\t", #"{"a":1,"b":[2]}"#),
  ("a: 1\n\t\nb: 2\n \t \nc: 'd'\n\t\ne: [f]\n\t\n", #"{"a":1,"b":2,"c":"d","e":["f"]}"#),
  ("a: 1\n\t# b\nc:\n \td\n# e\n", #"{"a":1,"c":"d"}"#), ("\t{a: b}", #"{"a":"b"}"#), (" \t\na: b", #"{"a":"b"}"#),
  ("- a:\t b\n- - c\n  -\td\n", #"[{"a":"b"},["c","d"]]"#),
  ("? a\n: -\tb\n  -  -\tc\n     - d\n", #"{"a":["b",["c","d"]]}"#),
  ("-\t!!map\n  a: b", #"[{"a":"b"}]"#), ("a:\t|\n  b\tc\n  \td\n", "{\"a\":\"b\\tc\\n\\td\\n\"}"),
  ("a: |1\n \tb\n", "{\"a\":\"\\tb\\n\"}"), ("a: |\n \tb\n", nil),
  // Lines that are not indented at all mean the same to whoever takes them.
  ("a: [\nb,\nc\n]\nd: {\n}", #"{"a":["b","c"],"d":{}}"#), ("a: \"b\nc\"", #"{"a":"b c"}"#),
  ("a: b\n   ", #"{"a":"b"}"#), ("a: |\n  b\n   \n", "{\"a\":\"b\\n \\n\"}"),
  ("a: |\n  b\nc: d\n  ", #"{"a":"b\n","c":"d"}"#),
  ("a: \"\\N\\L\\P\\ufeff\"", "{\"a\":\"\u{85}\u{2028}\u{2029}\u{feff}\"}"),
]) func whatBothReadAlikeIsRead(_ yaml: String, json: String?) throws {
  #expect((yamlFault(yaml) == nil) == (json != nil), "\(yamlFault(yaml)?.description ?? "read")")
  #expect(try json == nil || compact(yaml) == json)
}

@Test func aFaultOfDivergenceSaysWhatToDo() {
  #expect(yamlFault("a: [?x]")?.description.contains("quote the text") == true)
  #expect(yamlFault("a: &b:c d")?.description.contains("put a space before ':'") == true)
  #expect(yamlFault("a: 'b'#c")?.description == "line 1, column 7: a comment needs a space before its '#'")
  #expect(yamlFault("a: 'b\n\tc'")?.description == "line 2, column 1: a tab must not indent; use spaces")
  #expect(yamlFault("a: b\u{2028}c")?.description.contains("write \\N, \\L or \\P in double quotes") == true)
}

@Test func tabsAreLookedForWithinBounds() throws {
  let lines = String(repeating: "-\tb\n", count: 500)
  #expect(try YAMLReader.parse(SecretBytes(lines), limits: .document).count == 500)
  // Each is found by reading all that stands before it.
  let found = yamlFault(String(repeating: "-\tb\n", count: 100_000))
  #expect(found?.description.contains("a tab must not indent; use spaces") == true)
}
