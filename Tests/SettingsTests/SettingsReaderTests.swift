import ExecutionModel
import SecretBytes
import Testing

@testable import Settings

/// One setting of every kind.
private struct Sample: Sendable, Equatable {
  struct Door: Sendable, Equatable {
    var host = ""
    var ports: [Int] = []
  }

  var name = "n"
  var file: String?
  var isOn = false
  var count = 3
  var wait = Duration.seconds(5)
  var mood = "calm"
  var words: [String] = []
  var doors: [Door] = []
  var front: Door?
  var inner = Inner()

  struct Inner: Sendable, Equatable {
    var a: String?
    var b: String?
    var c: String?
  }
}

private let door = SettingsObject<Sample.Door> {
  Setting("host", .text, \.host, required: true, "Where.")
  Setting("ports", .list(of: .integer(1...65535), "a list of ports"), \.ports, "Which.")
}

private let file = SettingsFile(
  "sample", "A sample", noun: "setting",
  SettingsObject<Sample>(rules: [
    .check(at: \.count) { $0.isOn && $0.count == 0 ? "nothing would be on" : nil }
  ]) {
    Setting("name", .text, \.name, "A name.")
    Setting("file", .path, \.file, default: "none", "A file.")
    Setting("on", .flag, \.isOn, "Whether.")
    Setting("count", .integer(0...9), \.count, "How many.")
    Setting("wait", .duration(atLeast: .milliseconds(100)), \.wait, "How long.")
    Setting("mood", .choice([("calm", "calm"), ("wild", "wild")]), \.mood, "How.")
    Setting("words", .list(of: .argument), \.words, "Words.")
    Setting("doors", .listOrOne(of: .object(door, from: Sample.Door()), named: "door"), \.doors, "Doors.")
    Setting(
      "front",
      .either(
        SettingKind<String>.text.refined { host throws(SettingFault) in Sample.Door(host: host) },
        or: .object(door, from: Sample.Door()), "a host, or {host, ports}"),
      \.front, "The front door.")
    Setting("inner", inner, \.inner, "More.")
  }, defaults: Sample())

private let inner = SettingsObject<Sample.Inner>(rules: [
  .exactlyOne(of: [\.a, \.b], where: \.c), .exclusive(\.a, \.b),
]) {
  Setting("a", .text, \.a, "A.")
  Setting("b", .text, \.b, "B.")
  Setting("c", .text, \.c, "C.")
}

private func read(_ text: String) throws -> Sample { try file.read(SecretBytes(text), over: Sample()) }

private func faults(_ text: String) -> [DocumentFault] {
  do {
    _ = try read(text)
    return []
  } catch let faults as DocumentFaults {
    return faults.faults
  } catch {
    Issue.record("not a fault of documents: \(error)")
    return []
  }
}

@Suite struct SettingsReaderTests {
  @Test func everyKindBecomesItsProperty() throws {
    let sample = try read(
      """
      {name: x, file: /f, on: true, count: 9, wait: 1m30s, mood: wild, words: [a, "b\\nc"], inner: {a: "1", c: "3"},
       doors: [{host: h, ports: [80, 443]}, {host: i}], front: door.example}
      """)
    var expected = Sample(
      name: "x", file: "/f", isOn: true, count: 9, wait: .seconds(90), mood: "wild", words: ["a", "b\nc"])
    expected.doors = [Sample.Door(host: "h", ports: [80, 443]), Sample.Door(host: "i")]
    expected.front = Sample.Door(host: "door.example")
    expected.inner = Sample.Inner(a: "1", c: "3")
    #expect(sample == expected)
    #expect(try read("doors: {host: h}").doors == [Sample.Door(host: "h")])
    #expect(try read("front: {host: h, ports: [1]}").front == Sample.Door(host: "h", ports: [1]))
  }

  @Test func whatIsAbsentOrNullStaysAsItWas() throws {
    var base = Sample(name: "kept", count: 7)
    base.inner.b = "kept too"
    let text =
      "{name: null, file: ~, on: null, count: null, wait: null, words: null, doors: null, inner: {a: x, b: null}}"
    let sample = try file.read(SecretBytes(text), over: base)
    base.inner.a = "x"
    #expect(sample == base)
    for nothing in ["", "null", "{}", "inner: null", "inner: {}"] {
      #expect(try read(nothing) == Sample())
    }
  }

  @Test(arguments: [
    ("\nname: 5", "name: expected a string that is not empty (line 2, column 7)"),
    ("name: \"\"", "name: expected a string that is not empty (line 1, column 7)"),
    ("name: \"a\\u0001\"", "name: expected a string that is not empty (line 1, column 7)"),
    ("file: f", "file: expected an absolute path without '..' (line 1, column 7)"),
    ("file: /a/../b", "file: expected an absolute path without '..' (line 1, column 7)"),
    ("on: yes", "on: expected true or false (line 1, column 5)"),
    ("count: 10", "count: expected a whole number from 0 to 9 (line 1, column 8)"),
    ("wait: 99ms", "wait: expected a duration as \"30s\", at least 100ms (line 1, column 7)"),
    ("mood: sad", "mood: expected one of calm, wild (line 1, column 7)"),
    ("words: x", "words: expected a list of strings (line 1, column 8)"),
    ("words: [a, \"\"]", "words[1]: expected a string that is not empty (line 1, column 12)"),
    (
      "doors:\n- {host: h, ports: [0]}",
      "doors[0].ports[0]: expected a whole number from 1 to 65535 (line 2, column 21)"
    ),
    ("doors: [{}]", "doors[0].host: required: a string that is not empty (line 1, column 9)"),
    ("doors: {host: null}", "doors.host: required: a string that is not empty (line 1, column 8)"),
    ("doors: [7]", "doors[0]: expected an object of settings (line 1, column 9)"),
    ("front: 7", "front: expected a host, or {host, ports} (line 1, column 8)"),
    ("inner: []", "inner: expected an object of settings (line 1, column 8)"),
    ("inner: {a: x, b: y}", "inner.a: a and b exclude each other; keep one (line 1, column 12)"),
    ("inner: {c: x}", "inner.c: needs exactly one of a, b (line 1, column 12)"),
    ("on: true\ncount: 0", "count: nothing would be on (line 2, column 8)"),
    ("on: true\nnmae: n", "nmae: unknown setting; did you mean \"name\"? (line 2, column 1)"),
    ("front: {host: h, port: 1}", "front.port: unknown setting; did you mean \"ports\"? (line 1, column 18)"),
    ("7", "expected an object of settings (line 1, column 1)"),
  ])
  func aFaultHasItsPathAndPlace(_ text: String, _ line: String) {
    #expect(faults(text).map(\.line) == [line])
  }

  @Test func everyFaultComesInOnePass() {
    let paths = faults("name: 5\nfile: f\nwords: [1, 2]\ninner: {a: 1, d: 2}\ndoors: [{ports: x}, 5]\n").map(\.path)
    #expect(
      paths == [
        "name", "file", "words[0]", "words[1]", "inner.a", "inner.d", "doors[0].ports", "doors[0].host", "doors[1]",
      ])
  }

  @Test func namesAndDepthsOfStrangersAreShownSafely() {
    let long = String(repeating: "k", count: 10_000)
    let path = faults("{\"\(long)\": 1}").first?.path ?? ""
    #expect(path.utf8.count < 100)
    #expect(faults("{\"a\\u001b[2Jb\": 1}").first?.path.contains("\u{1b}") == false)
    let deep = String(repeating: "[", count: 50) + String(repeating: "]", count: 50)
    #expect(faults("name: \(deep)").map(\.path) == ["name"])
    #expect(faults("words: \(deep)").map(\.path) == ["words[0]"])
    #expect(
      faults("front: \(String(repeating: "{\"x\": ", count: 50))1\(String(repeating: "}", count: 50))").count == 2)
    #expect(!faults(String(repeating: "{\"inner\": ", count: 100_000)).isEmpty)
  }

  @Test func aKeyThatComesTwiceIsAFault() {
    #expect(faults("name: a\nname: b").count == 1)
    #expect(faults("{\"inner\": {\"a\": \"1\", \"a\": \"2\"}}").count == 1)
  }

  @Test func aFileOfNothingButFaultsIsReadQuickly() {
    let list = "words: [\(String(repeating: "0,", count: 200_000))0]"
    #expect(faults(list).count == SettingFaults.most + 1)
    let keys = (0..<100_000).map { "k\($0): 1\n" }.joined()
    #expect(faults(keys).count == SettingFaults.most + 1)
    #expect(faults(keys).last?.line == "there are more faults than these 100")
  }
}

@Suite struct DeclarationTests {
  @Test func aSoundDeclarationHasNoMistakes() {
    #expect(file.block.mistakes.isEmpty)
  }

  @Test func aPropertyOrKeyThatIsDeclaredTwiceIsAMistake() {
    let block = SettingsObject<Sample.Inner>(rules: [.exclusive(\.a, \.c)]) {
      Setting("a", .text, \.a, "A.")
      Setting("b", .text, \.a, "B.")
      Setting("a", .text, \.b, "C.")
    }.block(defaults: Sample.Inner())
    #expect(block.mistakes.count == 3, "\(block.mistakes)")
  }

  @Test func theSchemaSaysWhatTheReaderTakes() throws {
    let schema = try #require(file.schema.unsafeString())
    for words in [
      #""$id": "urn:secrets-agent:schema:sample""#, #""additionalProperties": false"#, #""minimum": 0,"#,
      #""maximum": 9"#, #""description": "How many. Default: 3.""#,
      #"How long. Expects a duration as \"30s\", at least 100ms. Default: 5s."#, ##""$ref": "#/$defs/door""##,
      #""A file. Expects an absolute path without '..'. Default: none.""#,
      #""description": "Whether. Default: false.""#,
    ] {
      #expect(schema.contains(words), "no \(words) in \(schema)")
    }
  }
}
