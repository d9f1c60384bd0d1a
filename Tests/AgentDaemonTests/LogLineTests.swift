import AgentDaemon
import Foundation
import Glibc
import JSONReader
import Logging
import SecretBytes
import Testing

/// Lines of the log: JSON whose numbers are numbers, logfmt that no value can break, priorities for journald.
@Suite struct LogLineTests {
  private func line(_ fields: [(key: String, value: LogValue)], message: String = "refresh failed") -> LogLine {
    LogLine(time: "2026-01-02T03:04:05.678Z", level: "warning", message: message, fields: fields)
  }

  @Test func whatIsSimpleIsPlain() {
    let line = line([("execution", "web"), ("generation", .integer(7)), ("retry_in_seconds", .decimal(1.5))])
    #expect(
      line.logfmt
        == "time=2026-01-02T03:04:05.678Z level=warning message=\"refresh failed\" execution=web generation=7 "
        + "retry_in_seconds=1.5")
    #expect(
      line.json
        == "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\",\"message\":\"refresh failed\","
        + "\"execution\":\"web\",\"generation\":7,\"retry_in_seconds\":1.5}")
  }

  @Test func whoeverStampsLinesItselfGetsNoTime() {
    let line = LogLine(time: nil, level: "notice", message: "ready", fields: [])
    #expect(line.logfmt == "level=notice message=ready")
    #expect(line.json == #"{"level":"notice","message":"ready"}"#)
  }

  @Test(arguments: [
    ("", #""""#), ("a b", #""a b""#), ("a=b", #""a=b""#), (#"say "no""#, #""say \"no\"""#), (#"C:\x"#, #""C:\\x""#),
    ("one\ntwo\r\tthree", #""one\ntwo\r\tthree""#), ("\u{1b}[2J", #""\u001b[2J""#), ("\0", #""\u0000""#),
    ("\u{9b}31m", #""\u009b31m""#), ("\u{202e}txt", #""\u202etxt""#), ("\u{2028}", #""\u2028""#),
    ("grün", "grün"), ("🔑", "🔑"), ("a/b:c,{d}", "a/b:c,{d}"),
  ])
  func aHostileValueStaysInItsPlace(_ text: String, _ quoted: String) throws {
    let line = line([("reason", .text(text)), ("z", "end")])
    #expect(line.logfmt.hasSuffix(" reason=\(quoted) z=end"))
    #expect(line.logfmt.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
    let read = try JSONValue.parse(SecretBytes(line.json), limits: JSONLimits(maximumBytes: 10_000))
    #expect(read.member("reason")?.text == text)
    #expect(!line.json.contains("\n"))
  }

  @Test func aKeyCanNeitherBreakTheLineNorTakeThePlaceOfAnother() {
    let line = line([("again in", "x"), ("level", "fake"), ("", "y"), ("a\n\"=", "z")])
    #expect(line.logfmt.hasSuffix(" again_in=x level_=fake _=y a___=z"))
  }

  @Test func metadataKeepsItsKind() {
    #expect(LogValue("text") == .text("text"))
    #expect(LogValue(.stringConvertible(3)) == .integer(3))
    #expect(LogValue(.stringConvertible(Int32(-3))) == .integer(-3))
    #expect(LogValue(.stringConvertible(Int64.min)) == .integer(.min))
    #expect(LogValue(.stringConvertible(UInt64.max)) == .text("18446744073709551615"))
    #expect(LogValue(.stringConvertible(true)) == .boolean(true))
    #expect(LogValue(.stringConvertible(0.25)) == .decimal(0.25))
    #expect(LogValue(.stringConvertible(Double.nan)) == .text("nan"))
    #expect(LogValue(.stringConvertible(Double.infinity)) == .text("inf"))
    #expect(LogValue(.stringConvertible(Duration.milliseconds(1500))) == .decimal(1.5))
    #expect(LogValue(.stringConvertible(Duration.nanoseconds(1_234_567_890))) == .decimal(1.235))
    #expect(LogValue(.array(["a", "b"])) == .text("[\"a\", \"b\"]"))
  }

  @Test(arguments: [Double.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, 1e16, 1e-7, 0.1])
  func everyDecimalIsANumberOfJSON(_ number: Double) throws {
    let read = try JSONSerialization.jsonObject(with: Data(line([("n", .decimal(number))]).json.utf8))
    #expect((read as? [String: Any])?["n"] as? Double == number)
  }

  @Test func aNumberThatIsAValueIsHiddenLikeText() {
    func hide(_ text: String) -> String { text.replacing("4711", with: "<redacted>") }
    #expect(LogValue.integer(4711).hidden(by: hide) == .text("<redacted>"))
    #expect(LogValue.integer(4712).hidden(by: hide) == .integer(4712))
    #expect(LogValue.text("pin 4711").hidden(by: hide) == .text("pin <redacted>"))
    #expect(LogValue.boolean(true).hidden(by: hide) == .boolean(true))
  }

  @Test func longTextIsCutBetweenCharacters() {
    #expect(LogValue.text("abcd").cut(atMost: 4) == .text("abcd"))
    #expect(LogValue.text("äöüß!").cut(atMost: 4) == .text("äöüß…"))
    #expect(LogValue.integer(123_456).cut(atMost: 2) == .integer(123_456))
  }

  // MARK: - journald

  @Test func journaldIsKnownByTheStreamThatItNamed() throws {
    let file = try #require(tmpfile())
    defer { fclose(file) }
    var status = stat()
    fstat(fileno(file), &status)
    let (device, inode) = (status.st_dev, status.st_ino)
    #expect(JournalStream.reads(fileno(file), variable: "\(device):\(inode)"))
    let others: [String?] = [
      nil, "", ":", "\(device)", "\(device):", ":\(inode)", "\(device):\(inode):", "\(device):\(inode) ",
      "\(device):\(inode + 1)", "\(device + 1):\(inode)", "-1:-1", "99999999999999999999:1", "\(inode):\(device)x",
    ]
    for other in others {
      #expect(!JournalStream.reads(fileno(file), variable: other), "\(other ?? "nil")")
    }
    #expect(!JournalStream.reads(-1, variable: "\(device):\(inode)"))
  }

  @Test func levelsHaveThePrioritiesOfSyslog() {
    let prefixes = Logger.Level.allCases.map { JournalStream.prefix($0) }
    #expect(prefixes == ["<7>", "<7>", "<6>", "<5>", "<4>", "<3>", "<2>"])
  }
}
