import Delivery
import SecretBytes
import Testing

@Suite struct EnvironmentFileTests {
  private func secret(_ name: String, _ value: String) -> DeliveredSecret {
    DeliveredSecret(name: name, value: SecretBytes(value))
  }

  private func text(_ secrets: [DeliveredSecret], _ format: EnvironmentFormat) throws -> String? {
    try EnvironmentFile.render(secrets, format: format).unsafeString()
  }

  @Test func theSpellingIsTheOneThatMostReadersShare() throws {
    let value = [secret("A", "it's $5")]
    #expect(try text(value, .shell) == "A='it'\"'\"'s $5'\n")
    #expect(try text(value, .systemd) == "A='it'\"'\"'s $5'\n")
    #expect(try text(value, .docker) == "A=it's $5\n")
    #expect(try text(value, .json) == "{\n  \"A\": \"it's $5\"\n}\n")
    #expect(try text(value, .dotenv) == "A=it's $5\n")
    #expect(try text([secret("A", "it's")], .dotenv) == "A=\"it's\"\n")
    #expect(try text([secret("A", "x$y\nz")], .dotenv) == "A='x$y\nz'\n")
    #expect(try text([secret("A", "`a b")], .dotenv) == "A='`a b'\n")
    #expect(try text([secret("A", "a\u{2028}'b\"c")], .dotenv) == "A=a\u{2028}'b\"c\n")
    #expect(try text(value, .compose) == "A=\"it's $$5\"\n")
    #expect(try text([secret("A", "a \\\" ${B}\nc")], .compose) == "A='a \\\" ${B}\nc'\n")
    #expect(try text([secret("A", "'\\\"$${B}\\")], .compose) == "A=\"'\\\\\\\"$$$${B}\\\\\"\n")
    #expect(try text([secret("A", "C:\\")], .dotenv) == "A=C:\\\n")
    #expect(try text([secret("A", "")], .dotenv) == "A=''\n")
  }

  @Test func theOrderOfEntriesDoesNotChangeTheFile() throws {
    let one = secret("B_1", "x")
    let other = secret("A", "y")
    for format in EnvironmentFormat.allCases {
      #expect(
        try EnvironmentFile.render([one, other], format: format)
          == EnvironmentFile.render([other, one], format: format))
    }
  }

  @Test func noSecretsMakeAnEmptyFile() throws {
    for format in EnvironmentFormat.allCases {
      let rendered = try EnvironmentFile.render([], format: format)
      #expect(try EnvironmentFile.parse(rendered, format: format).isEmpty)
      #expect(format == .json || rendered.isEmpty)
    }
  }

  @Test func everyUnfitSecretIsNamedWithAWayOut() throws {
    let secrets = [
      secret("GOOD", "x"), secret("PEM", "a\nb"), DeliveredSecret(name: "BINARY", value: SecretBytes([0xff, 0xfe])),
      DeliveredSecret(name: "NUL", value: SecretBytes([0x61, 0, 0x62])), secret("1ST", "x"), secret("TWICE", "x"),
      secret("TWICE", "y"),
    ]
    let faults = try #require(throws: DeliveryFaults.self) {
      try EnvironmentFile.render(secrets, format: .docker)
    }
    let subjects = Set(faults.faults.map { "\($0.subject)" })
    #expect(subjects == Set(["PEM", "BINARY", "NUL", "1ST", "TWICE"].map { "\(DeliveryFault.Subject.secret($0))" }))
    let newline = try #require(faults.faults.first { $0.subject == .secret("PEM") }).description
    #expect(
      newline == "secrets.PEM: format docker cannot carry the value: it holds a newline; "
        + "use format dotenv or compose or systemd or shell or json, set `encoding: base64`, or deliver it as a file")
    #expect(faults.description.split(separator: "\n").count == faults.faults.count)
  }

  @Test(arguments: EnvironmentFormat.allCases)
  func bytesThatAreNoTextAreRefusedByEveryFormat(format: EnvironmentFormat) {
    for bytes in [[0], [0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x41, 0xe2, 0x82]]
      as [[UInt8]]
    {
      #expect(throws: DeliveryFaults.self) {
        try EnvironmentFile.render([DeliveredSecret(name: "A", value: SecretBytes(bytes))], format: format)
      }
    }
  }

  @Test(arguments: ["", "1A", "A-B", "A.B", "A B", "Ä", "A=B", "A\nB", String(repeating: "A", count: 254)])
  func aNameThatIsNoVariableIsRefused(name: String) {
    for format in EnvironmentFormat.allCases {
      #expect(throws: DeliveryFaults.self) { try EnvironmentFile.render([secret(name, "x")], format: format) }
    }
  }

  @Test func whatEachReaderCannotTakeIsRefused() {
    let refused: [(EnvironmentFormat, DeliveredSecret)] = [
      (.docker, secret("A", "x\r")), (.docker, secret("A", String(repeating: "x", count: 65_534))),
      (.systemd, secret("A", "\u{fffe}")), (.systemd, secret("A", "a\u{10ffff}")),
      (.systemd, secret("A", String(repeating: "x", count: 131_070))),
      (.shell, secret("RANDOM", "x")), (.shell, secret("UID", "0")),
      (.shell, secret("A", String(repeating: "x", count: 131_070))),
      (.dotenv, secret("A", "a${B}c")), (.dotenv, secret("A", "${A:-x}")), (.dotenv, secret("A", "${}")),
      (.dotenv, secret("A", "'\"\n")), (.dotenv, secret("A", "a\rb")), (.dotenv, secret("A", "`it's \"")),
      (.dotenv, secret("A", "a\u{2028}'b' c'\"\u{2028}'")),
      (.compose, secret("A", String(repeating: "x", count: 131_070))),
    ]
    for (format, secret) in refused {
      #expect(throws: DeliveryFaults.self, "\(format) \(secret.name)") {
        try EnvironmentFile.render([secret], format: format)
      }
    }
    let taken: [(EnvironmentFormat, DeliveredSecret)] = [
      (.docker, secret("A", String(repeating: "x", count: 65_533))), (.docker, secret("A", "x\ry")),
      (.systemd, secret("A", String(repeating: "x", count: 131_069))), (.dotenv, secret("A", "${B:c}")),
      (.dotenv, secret("A", "${B")),
      (.dotenv, secret("A", "$B")), (.compose, secret("A", "a${B}'c$D\r\n\\")),
      (.json, secret("A", String(repeating: "\u{fffe}", count: 100_000))),
    ]
    for (format, secret) in taken {
      #expect(throws: Never.self, "\(format)") { try EnvironmentFile.render([secret], format: format) }
    }
  }

  @Test(arguments: [
    ("a\rb", "node --env-file drops carriage returns"), ("a${B}", "python-dotenv would expand"),
    (
      "'\"#",
      "in '…' node --env-file ends at its quote, in \"…\" node --env-file ends at its quote, without quotes all three"
    ),
    ("`it's \"", "without quotes dotenv and node --env-file take its backtick"),
    (
      "\\\\ #'",
      "in \"…\" python-dotenv undoes its backslashes, without quotes dotenv and node --env-file end at its '#'"
    ),
    ("#\\", "python-dotenv and dotenv read on behind the backslash"), ("a'\"\nb", "all three end at its line break"),
    (" '\"", "white space at its ends"), ("x\u{2028}'\"'", "dotenv drops those between its U+2028"),
  ])
  func whatDotenvRefusesSaysWhichReaderWouldReadOtherwise(value: String, reader: String) throws {
    let faults = try #require(throws: DeliveryFaults.self) {
      try EnvironmentFile.render([secret("A", value)], format: .dotenv)
    }
    #expect(faults.description.contains(reader), "\(faults)")
    #expect(faults.description.contains("use format "))
  }

  /// The list of names that shells keep is right: each loses what is assigned to it, in one of the two.
  @Test func theNamesRefusedForShellsAreLostThere() throws {
    for name in ["UID", "RANDOM", "OPTIND", "SHELLOPTS", "_", "GROUPS"] {
      let text = SecretBytes("\(name)='5 5'\nNAME='after'\n")
      let kept = ["dash", "bash"].allSatisfy { shell in
        guard
          let output = try? run(
            shell, ["-c", "set -a; . \"$1\"; exec /usr/bin/env -0", shell, "/dev/stdin"], input: text)
        else {
          return false
        }
        return output.split(separator: 0).contains(Array("\(name)=5 5".utf8)[...])
      }
      #expect(!kept, "\(name) arrives after all")
    }
  }

  @Test(arguments: EnvironmentFormat.allCases)
  func aTruncatedFileNeverPassesForTheWholeOne(format: EnvironmentFormat) throws {
    let secrets = [
      secret("A", "it's"), secret("B", "x\\y \"z\" é🔑"), secret("C", "trailing \\"),
      secret("D", format == .docker ? "d" : "line\nline\n"),
    ]
    let carried = secrets.filter { (try? EnvironmentFile.render([$0], format: format)) != nil }
    let whole = try EnvironmentFile.render(carried, format: format)
    #expect(try EnvironmentFile.parse(whole, format: format) == carried)
    for length in 0..<whole.count - 1 {
      let read = try? EnvironmentFile.parse(whole.slice(0..<length), format: format)
      #expect(read != carried, "cut to \(length) bytes")
    }
  }

  @Test(arguments: EnvironmentFormat.allCases)
  func alteredBytesAreReadOrRefusedButNeverCrash(format: EnvironmentFormat) throws {
    let whole = try EnvironmentFile.render(
      HostileValues.secrets(count: 40, seed: 5, format: format).filter { $0.value.count < 500 }, format: format)
    var generator = SeededGenerator(seed: 6)
    var refused = 0
    for _ in 0..<2000 {
      var bytes = whole.array
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = bytes.indices.randomElement(using: &generator) ?? 0
        switch Int.random(in: 0...2, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.insert(Array("'\"\\\n#=$`\r\0".utf8).randomElement(using: &generator) ?? 0, at: place)
        }
      }
      if (try? EnvironmentFile.parse(SecretBytes(bytes), format: format)) == nil {
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  @Test func grammarsAreTheConsumersAndNotTheRenderers() throws {
    func read(_ text: String, _ format: EnvironmentFormat) -> [String: String]? {
      guard let secrets = try? EnvironmentFile.parse(SecretBytes(text), format: format) else {
        return nil
      }
      return Dictionary(secrets.map { ($0.name, $0.value.unsafeString() ?? "") }) { $1 }
    }
    #expect(
      read("# c\nA=a'b'  \nB = \"x\\qy\\\"\" 'z'\n;c\nC=a\\\nb", .systemd) == ["A": "a'b'", "B": "x\\qy\"z", "C": "ab"])
    #expect(read("A=\"$B\"", .systemd) == ["A": "$B"])
    #expect(read("A='open", .systemd) == nil)
    #expect(read("A=x\\ y\"z\\$\"'q'\n#c\n\nB=", .shell) == ["A": "x yz$q", "B": ""])
    #expect(read("A=$B", .shell) == nil)
    #expect(read("A=\"`id`\"", .shell) == nil)
    #expect(read("A=x; rm -rf /", .shell) == nil)
    #expect(read("rm -rf /", .shell) == nil)
    #expect(read("  A= \"x\" \r\n#c\nB=", .docker) == ["A": " \"x\" ", "B": ""])
    #expect(read("A", .docker) == nil)
    #expect(read("=x", .docker) == nil)
    #expect(read("export A = 'x' # c\nB=\"l\\nm\"\nC=plain # c\n", .dotenv) == ["A": "x", "B": "l\nm", "C": "plain"])
    #expect(read("A='x\\'y'", .dotenv) == nil, "the readers differ")
    #expect(read("A='x\\ry'", .dotenv) == ["A": "x\\ry"])
    #expect(read("A=\"x\\ry\"", .dotenv) == nil, "node --env-file does not undo it")
    #expect(read("A='x\ry'", .dotenv) == nil, "node --env-file drops it")
    #expect(
      read("\u{feff}export A = 'x\\'y\\n' # c\nB: \"l\\n\\$m $$n\\\\\" C=plain #c\nD=a#b $5", .compose)
        == ["A": "x'y\\n", "B": "l\n$m $n\\", "C": "plain", "D": "a#b $5"])
    #expect(read("A=${B}", .compose) == nil)
    #expect(read("A=\"$B\"", .compose) == nil)
    #expect(read("A='${B}'", .compose) == ["A": "${B}"])
    #expect(read("A", .compose) == nil)
    #expect(read("A='open", .compose) == nil)
    #expect(read("A=${B}", .dotenv) == nil)
    #expect(read("{\"A\":\"\\u0041\"}", .json) == ["A": "A"])
    #expect(read("{\"A\":1}", .json) == nil)
    #expect(read("[\"A\"]", .json) == nil)
    #expect(read("{\"A\":\"x\"", .json) == nil)
  }

  @Test func faultsHoldNoValueAndNoLineBreak() throws {
    let faults = try #require(throws: DeliveryFaults.self) {
      try EnvironmentFile.render([secret("A\nB", "s3cr3t"), secret("C", "s3cr3t${X}\n'\"")], format: .dotenv)
    }
    #expect(faults.faults.count == 2)
    for fault in faults.faults {
      #expect(!fault.description.contains("s3cr3t"))
      #expect(!fault.description.contains("\n"))
    }
  }
}
