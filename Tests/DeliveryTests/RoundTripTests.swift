import Delivery
import SecretBytes
import Testing

/// What is written is what is read, by the agent's own readers and by those of the dotenv family.
@Suite struct RoundTripTests {
  @Test(arguments: EnvironmentFormat.allCases)
  func whatIsParsedIsWhatWasRendered(format: EnvironmentFormat) throws {
    let secrets = HostileValues.secrets(count: 1000, seed: 2, format: format)
    let text = try EnvironmentFile.render(secrets, format: format)
    #expect(try EnvironmentFile.parse(text, format: format) == secrets)
  }

  @Test(arguments: HostileValues.fixed)
  func eachValueAloneRoundTripsWhereTheFormatCarriesIt(value: String) throws {
    for format in EnvironmentFormat.allCases {
      let secrets = [DeliveredSecret(name: "NAME", value: SecretBytes(value))]
      guard let text = try? EnvironmentFile.render(secrets, format: format) else {
        #expect(format != .json, "JSON carries all text")
        continue
      }
      #expect(try EnvironmentFile.parse(text, format: format) == secrets, "\(format)")
    }
  }

  /// What is refused for lack of a spelling must really have none: no quoting reads back the same in all readers.
  @Test(.enabled(if: Consumers.lacksNodeEnvFile == nil, Comment(rawValue: Consumers.lacksNodeEnvFile ?? "")))
  func aValueRefusedByDotenvHasNoSpellingThatItsReadersShare() throws {
    let refused = HostileValues.values(count: 300, seed: 3) { value in
      value.count < 1000
        && (try? EnvironmentFile.render([DeliveredSecret(name: "NAME", value: value)], format: .dotenv)) == nil
    }
    #expect(refused.count == 300)
    var texts: [SecretBytes] = []
    var meant: [[String: [UInt8]]] = []
    for value in refused {
      let bytes = value.array
      let escaped = bytes.flatMap { $0 == 13 ? [92, 114] : $0 == 10 ? [92, 110] : [$0] }
      let guarded = bytes.flatMap { [34, 92].contains($0) ? [92, $0] : $0 == 13 ? [92, 114] : [$0] }
      let apostrophes = bytes.flatMap { [39, 92].contains($0) ? [92, $0] : [$0] }
      for spelling in [
        bytes, [39] + bytes + [39], [34] + bytes + [34], [34] + escaped + [34], [34] + guarded + [34],
        [39] + apostrophes + [39], [96] + bytes + [96],
      ] {
        // What follows matters: a quote that is not closed runs on into it.
        texts.append(SecretBytes(Array("NAME=".utf8) + spelling + Array("\nNEXT='a`'\nLAST=\"b\"\n".utf8)))
        meant.append(["NAME": bytes, "NEXT": Array("a`".utf8), "LAST": Array("b".utf8)])
      }
    }
    let python = try Consumers.pythonDotenv(texts)
    let node = try Consumers.nodeDotenv(texts)
    let envFile = try Consumers.nodeEnvFile(texts)
    for (place, text) in texts.enumerated()
    where python[place] == meant[place] && node[place] == meant[place] && envFile[place] == meant[place] {
      Issue.record("this spelling serves all: \(text.unsafeString() ?? "")")
    }
  }

  /// Our readers of the dotenv family against the originals, on text that the renderer would not write.
  @Test(.enabled(if: Consumers.lacksNodeEnvFile == nil, Comment(rawValue: Consumers.lacksNodeEnvFile ?? "")))
  func theDotenvReadersAgreeWithTheOriginals() throws {
    var generator = SeededGenerator(seed: 4)
    let pieces = [
      "NAME", "OTHER_1", "=", "=", "=", "'", "'", "\"", "\"", "`", "\\", "\n", "\n", " ", "#", "a", "b c", "export ",
      ": ", "\\n", "\\'", "$X", "${X}",
      "\u{2028}", "\u{a0}", "\u{1c}", "\r", "é",
    ]
    var texts: [SecretBytes] = []
    for _ in 0..<2000 {
      let body = (0..<Int.random(in: 1...14, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }
      texts.append(SecretBytes("NAME=" + body.joined() + "\n"))
    }
    let python = try Consumers.pythonDotenv(texts)
    let node = try Consumers.nodeDotenv(texts)
    let envFile = try Consumers.nodeEnvFile(texts)
    var agreed = 0
    for (place, text) in texts.enumerated() {
      guard let read = try? EnvironmentFile.parse(text, format: .dotenv) else {
        continue
      }
      agreed += 1
      #expect(read.byName == python[place], "python-dotenv: \(text.array)")
      #expect(read.byName == node[place], "dotenv: \(text.array)")
      #expect(read.byName == envFile[place], "node --env-file: \(text.array)")
    }
    #expect(agreed > 200, "only \(agreed) texts were read at all")
  }

  /// The reader of Compose's grammar against that grammar written anew, in the same way.
  @Test func theComposeReaderAgreesWithTheGrammar() throws {
    var generator = SeededGenerator(seed: 7)
    let pieces = [
      "NAME", "OTHER_1", "=", "=", ": ", "'", "'", "\"", "\"", "\\", "\\", "\\n", "\\$", "$$", "$", "${X}", "\n", "\n",
      " #",
      "#", " ", "a", "export ", "\u{a0}", "\u{85}", "\u{3000}", "\u{1c}", "\r", "é",
    ]
    let texts = (0..<2000).map { _ in
      let body = (0..<Int.random(in: 1...14, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }
      return SecretBytes("NAME=" + body.joined() + "\n")
    }
    let grammar = try Consumers.compose(texts)
    var agreed = 0
    for (place, text) in texts.enumerated() {
      guard let read = try? EnvironmentFile.parse(text, format: .compose) else {
        continue
      }
      agreed += 1
      #expect(read.byName == grammar[place], "\(text.array)")
    }
    #expect(agreed > 200, "only \(agreed) texts were read at all")
  }
}
