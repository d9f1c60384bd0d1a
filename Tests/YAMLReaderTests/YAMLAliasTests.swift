import JSONReader
import SecretBytes
import Testing
import YAMLReader

@Test func aliasesAreExpanded() throws {
  #expect(
    try compact("a: &x {k: [1, &y deep]}\nb: *x\nc: *y") == #"{"a":{"k":[1,"deep"]},"b":{"k":[1,"deep"]},"c":"deep"}"#)
  // An anchor may be set again; an alias means the one before it.
  #expect(try compact("- &a 1\n- *a\n- &a 2\n- *a") == "[1,1,2,2]")
  #expect(try compact("- &a\n- *a") == "[null,null]")
}

@Test func anAliasWithoutAnAnchorBeforeItIsAFault() {
  #expect(yamlFault("a: *x\nb: &x 1")?.position == SourcePosition(line: 1, column: 4))
  #expect(yamlFault("a: &x [1, *x]")?.position == SourcePosition(line: 1, column: 11))
  #expect(yamlFault("&x a: *x") == nil)
  #expect(yamlFault("a: &x\n  b: {c: *x}")?.position == SourcePosition(line: 2, column: 10))
}

@Test func mergeKeysAddWhatTheMappingHasNot() throws {
  let base = "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\n"
  #expect(try member("c", base + "c:\n  <<: *b\n  x: 9\n") == #"{"x":9,"y":2}"#)
  #expect(try member("c", base + "c:\n  x: 9\n  <<: *b\n") == #"{"x":9,"y":2}"#)
  #expect(try member("c", base + "c: {<<: [*b, *o], w: 0}") == #"{"w":0,"x":1,"y":2,"z":4}"#)
  #expect(try member("c", base + "c: {<<: [*o, *b]}") == #"{"y":3,"z":4,"x":1}"#)
  #expect(try member("c", base + "c: {<<: {q: {r: 1}}}") == #"{"q":{"r":1}}"#)
  #expect(try member("d", base + "c: &c {<<: *b, w: 0}\nd: {<<: *c, y: 7}") == #"{"y":7,"w":0,"x":1}"#)
  #expect(try member("c", "c: {<<: []}") == "{}")
  // Quoted, it is a name like any other.
  #expect(try member("c", base + "c: {'<<': *b}") == #"{"<<":{"x":1,"y":2}}"#)
}

@Test func mergedMembersKeepTheirPlace() throws {
  let value = try YAMLReader.parse(SecretBytes("b: &b\n  x: 1\nc:\n  <<: *b\n  y: 2\n"), limits: .document)
  #expect(value.member("c")?.member("x")?.position == SourcePosition(line: 2, column: 6))
  #expect(value.member("c")?.member("y")?.position == SourcePosition(line: 5, column: 6))
}

@Test(arguments: [
  ("a: {<<: 1}", 9), ("a: {<<: [1]}", 10), ("a: {<<: [[]]}", 10), ("a: {<<: ~}", 9),
  ("a: {<<: {x: 1}, <<: {y: 1}}", 17),
  ("a: {<<: {x: 1, x: 2}}", 16), ("a: {<<: {y: 1}, x: 1, x: 2}", 23),
]) func whatCannotBeMergedIsAFault(_ yaml: String, column: Int) {
  #expect(yamlFault(yaml)?.position == SourcePosition(line: 1, column: column))
}

@Test func theLastOfDuplicateKeysCountsAlsoWhereMerged() throws {
  let value = try YAMLReader.parse(SecretBytes("a: {<<: {x: 1, x: 2}, y: 1, y: 2, <<: {x: 3, z: 4}}"), limits: .payload)
  #expect(value.member("a")?.member("x")?.int64 == 2)
  #expect(value.member("a")?.member("y")?.int64 == 2)
  #expect(value.member("a")?.member("z")?.int64 == 4)
}

@Test func aliasBombsAreFaults() {
  let letters = Array("abcdefghij")
  var lists = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
  var merges = "a: &a {x: 1}\n"
  for (before, letter) in zip(letters, letters.dropFirst()) {
    let ten = Array(repeating: "*\(before)", count: 10).joined(separator: ",")
    lists += "\(letter): &\(letter) [\(ten)]\n"
    merges += "\(letter): &\(letter) {<<: [\(ten)]}\n"
  }
  for bomb in [lists, merges] {
    let fault = yamlFault(bomb)
    #expect(fault?.description.contains("the aliases up to here stand for more than 1048576 bytes") == true)
    // Where they are read, not where they would be written.
    #expect(fault?.position.line == 6)
  }
  // Nothing is written by nothing.
  let empty = "a: &a []\n" + "b: [\(Array(repeating: "*a", count: 100).joined(separator: ","))]\n"
  #expect(yamlFault(empty, JSONLimits(maximumBytes: 600))?.reason == nil)
  let string = "- &a \(String(repeating: "x", count: 500))\n- [*a, *a, *a]\n"
  #expect(yamlFault(string, JSONLimits(maximumBytes: 2000))?.reason == .tooLarge(maximumBytes: 2000))
  #expect(yamlFault(string, JSONLimits(maximumBytes: 2100)) == nil)
}

/// Which many entries with the same defaults need, of a few lines each.
@Test func aliasesMayStandForFourTimesTheText() throws {
  func entries(_ count: Int, _ defaults: Int) -> String {
    "d: &d {path: \(String(repeating: "x", count: defaults))}\n"
      + (0..<count).map { "NAME_\($0): {<<: *d, field: a\($0)}\n" }.joined()
  }
  #expect(yamlFault(entries(9000, 120)) == nil)
  #expect(yamlFault(entries(2000, 1000))?.position.line == 1037)
}

@Test func depthIsLimitedAlsoThroughAliases() {
  var deep = "- &a0 [x]\n"
  for level in 1...80 {
    deep += "- &a\(level) [*a\(level - 1)]\n"
  }
  #expect(yamlFault(deep)?.reason == .tooDeep(maximumDepth: 64))
  var chain = "a0: &a0 {x: 1}\n"
  for level in 1...300 {
    chain += "a\(level): &a\(level) {<<: *a\(level - 1)}\n"
  }
  #expect(yamlFault(chain)?.reason == .tooDeep(maximumDepth: 64))
  #expect(yamlFault(chain, JSONLimits(maximumDepth: .max))?.reason == .tooDeep(maximumDepth: 256))
}

private func member(_ name: String, _ yaml: String) throws -> String? {
  try YAMLReader.parse(SecretBytes(yaml), limits: .document).member(name)?.compact().unsafeString()
}
