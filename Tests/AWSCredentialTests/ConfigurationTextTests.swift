import SecretBytes
import Testing

@testable import AWSProvider

@Suite struct ConfigurationTextTests {
  private static func read(_ text: String) throws -> [String: [String: String]] {
    var sections: [String: [String: String]] = [:]
    for section in try ConfigurationText(SecretBytes(text)).sections {
      sections[section.name] = section.values.mapValues { $0.unsafeString() ?? "" }
    }
    return sections
  }

  @Test(
    arguments: [
      ("", [:]), ("# nothing\n\n; at all", [:]), ("[a]", ["a": [:]]), ("[a]\nb=1", ["a": ["b": "1"]]),
      ("[a]\r\nb = 1\r\nc: 2\r\n", ["a": ["b": "1", "c": "2"]]),
      ("[a]\nb = c = d : e", ["a": ["b": "c = d : e"]]), ("[a]\nb: c = d", ["a": ["b": "c = d"]]),
      ("[a]\nB c=1", ["a": ["b c": "1"]]), ("[a]\nb=", ["a": ["b": ""]]), ("[a]\nb= # 1", ["a": ["b": ""]]),
      ("[a]\nb=1\n  2\n\n  3\n\n", ["a": ["b": "1\n2\n3"]]), ("[a]\nb=\n  c = 1\n", ["a": ["b": "\nc = 1"]]),
      ("[a]\n  b=1\n  c=2\n", ["a": ["b": "1", "c": "2"]]), ("[a]\nb=1\n  # no\n  2", ["a": ["b": "1\n2"]]),
      ("[a]b]\nc=1", ["a]b": ["c": "1"]]), ("[]\na=1", ["": ["a": "1"]]),
      ("  [a]\n  b=1", ["a": ["b": "1"]]),
      ("[DEFAULT]\nb=1\n[a]\nc=2", ["DEFAULT": ["b": "1"], "a": ["c": "2"]]),
      // Comments behind values and sections.
      ("[a]\nb=1 # c\nd=2\t; c", ["a": ["b": "1", "d": "2"]]),
      ("[a]\nb=1# c\nd=2;c", ["a": ["b": "1# c", "d": "2;c"]]),
      ("[a]\nb=1 ;\nc=p#q # r", ["a": ["b": "1", "c": "p#q"]]), ("[a]\nb=#1", ["a": ["b": "#1"]]),
      ("[a] # c\nb=1\n[d];c\n[e]# [f]", ["a": ["b": "1"], "d": [:], "e": [:]]),
      ("[a]\nb=1\n  2 # c", ["a": ["b": "1\n2 # c"]]), ("[a]\nb=1\n  ; c\n# d\n  2", ["a": ["b": "1\n2"]]),
      // What stands twice.
      ("[a]\nb=1\nc=1\n[d]\n[a]\nc=2\nB=3", ["a": ["b": "3", "c": "2"], "d": [:]]),
      ("[a]\nb=1\n  2\nb=3", ["a": ["b": "3"]]), ("[a]\nb=1\nb=", ["a": ["b": ""]]),
      ("[ a ]\nb=1\n[a\t]\nc=1", ["a": ["b": "1", "c": "1"]]),
      // Blocks of keys.
      ("[a]\nb = # c\n  d = 1 # e\n\n\t; f\n  g =\n", ["a": ["b": "\nd = 1 # e\ng ="]]),
      ("[a]\nb =\n in valid = 1", ["a": ["b": "\nin valid = 1"]]),
      ("[ä ሴ]\nb=ü", ["ä ሴ": ["b": "ü"]]),
    ] as [(String, [String: [String: String]])])
  func readsTheGrammar(text: String, expected: [String: [String: String]]) throws {
    #expect(try Self.read(text) == expected)
  }

  @Test(arguments: [
    ("a=1", 1), ("[a]\nnothing", 2), ("[a]\n=1", 2), ("[\n", 1), ("[a", 1), ("[a # b]", 1), ("[a] trailing\nb=1", 1),
    ("\u{feff}[a]", 1), ("[a]\nb=1\nc", 3), ("[a]\nb #=1", 2), ("[a]\rb=1\r", 1), (" continued", 1),
    ("[a]\nb=1\n[a]\n  continued", 4), ("[a]\nb =\n  nothing", 3), ("[a]\nb =\n  = 1", 3), ("[a]\nb =\n  c: 1", 3),
    ("[a]\nb =\n  c = 1\n  d # = 2", 4),
  ])
  func namesTheLineOfAFault(text: String, line: Int) {
    #expect { try Self.read(text) } throws: { ($0 as? ConfigurationText.Fault)?.line == line }
  }

  @Test(arguments: [
    ("[a]\nb=1 # c", 2), ("[a]\nb=1\nb=2", 3), ("[a]\n[a]", 2), ("[ a ]", 1), ("[DEFAULT]\nb=1", 1),
  ])
  func tellsWhereTheAWSCommandReadsOtherwise(text: String, line: Int) throws {
    #expect(try ConfigurationText(SecretBytes(text)).differences.map(\.line) == [line])
  }

  @Test(arguments: ["[a]\nb=1#c\n  # d\n[e] # f\n", "[a]\nb =\n  c = 1 # d", "# a\n[profile b]\nc: 1"])
  func hasNothingToTellOfWhatAllReadAlike(text: String) throws {
    #expect(try ConfigurationText(SecretBytes(text)).differences == [])
  }

  @Test func refusesWhatIsNotText() {
    #expect(throws: ConfigurationText.Fault.self) { try ConfigurationText(SecretBytes([0x5b, 0xff, 0x5d])) }
  }

  @Test func survivesHostileBytes() {
    let alphabet = Array("[]=:#; \n\r\tab".utf8) + [0, 0xff, 0xc3]
    var state: UInt64 = 7
    for _ in 0..<2000 {
      let bytes = (0..<40).map { _ -> UInt8 in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return alphabet[Int(state >> 33) % alphabet.count]
      }
      _ = try? ConfigurationText(SecretBytes(bytes))
    }
    let many = (0..<50_000).map { "[s\($0)]\na=1\n" }.joined()
    #expect((try? ConfigurationText(SecretBytes(many)))?.sections.count == 50_000)
    _ = try? ConfigurationText(SecretBytes("[a]\nb=1\n" + String(repeating: "  x\n", count: 100_000)))
    let twice = try? ConfigurationText(SecretBytes(String(repeating: "[a]\n", count: 1000)))
    #expect(twice?.differences.count == 20)
  }

  @Test(
    arguments: [
      ("a b  c", ["a", "b", "c"]), ("", []), ("  ", []), ("'a b' \"c d\"", ["a b", "c d"]), ("a'b'\"c\"d", ["abcd"]),
      (#"a\ b \\ "\"\\\n""#, ["a b", #"\"#, #""\\n"#]), ("''", [""]), ("'a", nil), ("\"a", nil), ("a\\", nil),
      ("a # b", ["a", "#", "b"]), ("$(x) `y`", ["$(x)", "`y`"]),
    ] as [(String, [String]?)])
  func splitsCommandLinesAsAShellDoes(line: String, words: [String]?) {
    #expect(ShellWords.split(line) == words)
  }
}
