import Foundation
import Glibc
import TestSupport
import Testing

/// What answers at the daemon's socket, in a test's hand: each connection gets the same bytes.
private final class SocketDouble: Sendable {
  private let listener: Int32

  init(_ path: String, answering body: String) throws {
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(100)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let isBound = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) == 0 }
    }
    guard isBound, listen(listener, 16) == 0 else {
      throw Broken("no socket at \(path): \(String(cString: strerror(errno)))")
    }
    self.listener = listener
    let answer = Array(Self.head(body).utf8) + Array(body.utf8)
    Thread.detachNewThread {
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        var request = [UInt8](repeating: 0, count: 65_536)
        _ = read(connection, &request, request.count)
        var sent = 0
        while sent < answer.count {
          let count = answer[sent...].withUnsafeBytes {
            send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
          guard count > 0 else { break }
          sent += count
        }
        close(connection)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private static func head(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
  }
}

/// `status` of what a daemon says, whatever that is.
@Suite(.timeLimit(.minutes(15))) struct StatusTests {
  private let agent: Agent

  init() throws { agent = try Agent() }

  private func status(_ body: String, _ flags: String...) async throws -> Outcome {
    let path = "\(agent.folder.path)/s"
    let double = try SocketDouble(path, answering: body)
    defer {
      withExtendedLifetime(double) {}
      unlink(path)
    }
    return try await agent.run(["status", "--socket", path] + flags)
  }

  private func execution(_ id: String, ready: Bool = true, state: String = "live", _ more: String) -> String {
    #"{"id": "\#(id)", "state": "\#(state)", "ready": \#(ready), "generation": 3, "source": "folder /d", \#(more)}"#
  }

  private func secret(_ name: String, _ standing: String, _ error: (String, String)? = nil, _ more: String = "")
    -> String
  {
    let last = error.map { #", "consecutive_failures": 4, "last_error": {"message": "\#($0.0)", "cause": "\#($0.1)"}"# }
    return #"""
      {"name": "\#(name)", "standing": "\#(standing)", "provider": "vault", "reference": "secret/\#(name)", "age_seconds": 75
      \#(last ?? "") \#(more)}
      """#
  }

  @Test func whatManySecretsOfSeveralExecutionsShareIsOneLine() async throws {
    let dead = ("provider vault: secret/x: no answer", "provider vault: no answer")
    let web = (1...12).map { secret("W\($0)", "failing", dead) }.joined(separator: ",")
    let mail = (1...9).map { secret("M\($0)", "failing", dead) }.joined(separator: ",")
    let problem = #""problems": ["21 secrets (A, B): provider vault: no answer"], "#
    let outcome = try await status(
      """
      {"executions": [\(execution("mail", ready: false, problem + #""secrets": [\#(mail)]"#)),
        \(execution("web", ready: false, problem + #""secrets": [\#(web)]"#))],
       "connections_left_alone": ["vault"]}
      """)
    #expect(outcome.status == Status.unavailable, outcome.said)
    let problems = outcome.outputText.split(separator: "\n").filter { $0.hasPrefix("! ") }
    #expect(
      problems == [
        "! provider vault: gives no answer, and is asked again after a pause",
        "! 21 secrets (mail/M1, mail/M2, mail/M3 and 18 more): provider vault: no answer (4 in a row)",
      ], outcome.said)
  }

  @Test func whatFailsIsFirstAndColumnsAreAligned() async throws {
    let secrets = [
      secret("LIVE", "live"), secret("LATE", "late"), secret("데이터베이스", "stale", nil, #", "version": "12""#),
      secret("FAILING", "failing", ("denied", "denied")), secret("PENDING", "pending"),
    ].joined(separator: ",")
    let outcome = try await status(
      """
      {"executions": [\(execution("a-ready-one", #""secrets": [\#(secret("X", "live"))]"#)),
        \(execution("web", ready: false, state: "failing", #""secrets": [\#(secrets)]"#))]}
      """)
    #expect(outcome.status == Status.unavailable, outcome.said)
    #expect(
      outcome.outputText == """
        1 of 2 executions ready; 6 secrets: 2 live, 1 late, 1 stale, 1 failing, 1 pending
        ! web/FAILING: denied (4 in a row)
          SECRET        STATE    AGE    VERSION  PROVIDER  REFERENCE
        web          failing  generation 3  from folder /d
          FAILING       failing  1m15s  -        vault     secret/FAILING
          데이터베이스  stale    1m15s  12       vault     secret/데이터베이스
          LATE          late     1m15s  -        vault     secret/LATE
          PENDING       pending  1m15s  -        vault     secret/PENDING
          LIVE          live     1m15s  -        vault     secret/LIVE
        a-ready-one  live     generation 3  from folder /d
          X             live     1m15s  -        vault     secret/X

        """, outcome.said)
  }

  // MARK: - What does not fit

  /// The screen of `status --watch` over an answer.
  private func screen(_ body: String, rows: Int = 24, columns: Int = 80) async throws -> [String] {
    let path = "\(agent.folder.path)/s"
    let double = try SocketDouble(path, answering: body)
    defer {
      withExtendedLifetime(double) {}
      unlink(path)
    }
    let terminal = try PseudoTerminal(
      [Built.agent, "status", "--watch", "--socket", path], rows: rows, columns: columns, environment: [:])
    #expect(try await terminal.reach { $0.lines.last?.contains("q ends") == true })
    let lines = terminal.shown.lines
    terminal.type("q")
    #expect(try await terminal.ended() == 0)
    return lines
  }

  @Test func aLineThatFillsTheScreenKeepsItsLastCharacter() async throws {
    let full = String(repeating: "a", count: 80 - "! web/S: ".count - 1) + ";"
    let error = "\(full) \(String(repeating: "b", count: 78)) end"
    let failing = secret("S", "failing", (error, error))
    let lines = try await screen(
      #"{"executions": [\#(execution("web", ready: false, #""secrets": [\#(failing)]"#))]}"#)
    #expect(lines[1] == "! web/S: " + full, "\(lines)")
    #expect(lines[2] == "  " + String(repeating: "b", count: 78), "\(lines)")
    #expect(lines[3].hasPrefix("  end (4 in a row)"), "\(lines)")
  }

  @Test func oneLongNameHidesNoStateOfAnother() async throws {
    let long = String(repeating: "x", count: 100)
    let body =
      "{\"executions\": [\(execution(long, #""secrets": []"#)), \(execution("short", ready: false, state: "failing", #""secrets": []"#))]}"
    let lines = try await screen(body)
    #expect(lines.contains { $0.hasPrefix("short ") && $0.contains("  failing  generation 3") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("xxxx") && $0.contains("…  live ") }, "\(lines)")
    let version = secret("A", "live", nil, #", "version": "\#(long)\#(long)""#)
    let outcome = try await status(#"{"executions": [\#(execution("web", #""secrets": [\#(version)]"#))]}"#)
    #expect(outcome.outputText.split(separator: "\n").allSatisfy { $0.count < 120 }, outcome.said)
  }

  @Test func refusedDocumentsAreInTheHeadlineAndTheExitStatus() async throws {
    let held = execution("web", #""document_refused": true, "problems": ["unreadable: no JSON"], "secrets": []"#)
    let outcome = try await status(
      """
      {"executions": [\(held)], "refused_documents": {"folder /d": 1, "api": 1},
       "unreadable": {"folder /d": {"web": "no JSON"}, "api": {"other": "no YAML"}}}
      """)
    #expect(outcome.status == Status.invalidDocument, outcome.said)
    #expect(
      outcome.outputText.hasPrefix(
        "1 of 1 execution ready; 0 secrets: 0 live, 0 late, 0 stale, 0 failing; 2 documents refused\n"), outcome.said)
    let problems = outcome.outputText.split(separator: "\n").filter { $0.hasPrefix("! ") }
    #expect(problems == ["! other of api: no YAML", "! web: unreadable: no JSON"], outcome.said)
  }

  @Test func allReadyEndsWithZeroAndNothingKnownToo() async throws {
    let ready = try await status(#"{"executions": [\#(execution("web", #""secrets": [\#(secret("A", "live"))]"#))]}"#)
    #expect(
      ready.status == Status.done && ready.outputText.hasPrefix("1 of 1 execution ready; 1 secret: 1 live"), ready.said)
    let none = try await status(#"{"executions": []}"#)
    #expect(none.status == Status.done && none.outputText == "no executions\n", none.said)
    let raw = try await status(
      #"{"executions": [\#(execution("web", ready: false, #""secrets": []"#))]}"#, "--json")
    #expect(raw.status == Status.unavailable && raw.outputText.hasPrefix(#"{"executions""#), raw.said)
  }

  @Test func namesOfStrangersCannotSteerTheTerminal() async throws {
    let evil = #"\u001b[2J\u009b31m\u202e\r\nroot"#
    let failing = secret("N" + evil, "failing", (evil, evil), #", "version": "\#(evil)""#)
    let outcome = try await status(
      """
      {"executions": [\(execution("e" + evil, ready: false, state: evil, #""problems": ["\#(evil) more"], "secrets": [\#(failing)]"#))],
       "source_failures": {"\(evil)": "\(evil)"}, "unreadable": {"\(evil)": {"\(evil)": "\(evil)"}},
       "unremoved": {"\(evil)": "\(evil)"}, "connections_left_alone": ["\(evil)"]}
      """)
    let steering = outcome.outputText.unicodeScalars.filter {
      ($0.value < 0x20 && $0 != "\n") || (0x7f...0x9f).contains($0.value) || $0.value == 0x202e
    }
    #expect(steering.isEmpty && outcome.status == Status.unavailable, outcome.said)
    #expect(outcome.outputText.split(separator: "\n").allSatisfy { !$0.hasPrefix("root") }, outcome.said)
  }

  @Test(arguments: [
    "{}", "[]", "null", "7", #"{"executions": 7}"#, #"{"executions": [null, 7, [], {}]}"#,
    #"{"executions": [{"id": 7, "ready": "yes", "generation": 1e400, "problems": {}, "secrets": [null, {"name": []}]}]}"#,
    #"{"executions": [{"id": "e", "ready": true, "secrets": [{"age_seconds": -9223372036854775808, "next_refresh_seconds": 9223372036854775807, "consecutive_failures": -1, "last_error": 3, "standing": "great"}]}]}"#,
    #"{"source_failures": [], "unreadable": {"a": 3}, "unremoved": "x", "connections_left_alone": {}}"#,
  ]) func whatIsNoStatusEndsNothingButItself(body: String) async throws {
    let outcome = try await status(body)
    #expect([Status.done, Status.unavailable].contains(outcome.status) && outcome.signal == 0, outcome.said)
  }

  @Test func whatIsNoJSONIsSaid() async throws {
    let outcome = try await status("<html>not found</html>")
    outcome.expectFailure(Status.unavailable, saying: "what answers is no secrets-agent")
  }
}
