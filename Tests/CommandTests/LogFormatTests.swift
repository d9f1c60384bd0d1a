import Foundation
import Glibc
import TestSupport
import Testing

/// Log lines of the built executable: JSON for machines, logfmt for both, priorities where journald listens.
@Suite(.timeLimit(.minutes(15))) struct LogFormatTests {
  private let fakes: Fakes

  init() throws { fakes = try Fakes() }

  /// The log of a daemon that delivered a generation, failed to fetch once, and ended.
  private func log(_ format: String, _ script: String? = nil) async throws -> [String] {
    let daemon = try RunningDaemon()
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start("--log-format", format, by: script)
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    try await fakes.add("status", .literal("503"))
    _ = try await daemon.command("refresh")
    #expect(try await daemon.reach(run) { try run.errorSoFar().contains("refresh failed") })
    run.send(SIGTERM)
    return try await run.outcome().errorLines
  }

  @Test func numbersAreNumbersAndDurationsSayTheirUnit() async throws {
    let lines = try await log("json").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\($0)")
    }
    func event(_ message: String) throws -> [String: Any] {
      try #require(lines.first { $0["message"] as? String == message }, "no \(message)")
    }
    let delivered = try event("generation delivered")
    #expect(delivered["generation"] as? Int == 1 && delivered["generation"] is String == false)
    #expect(delivered["secrets"] is Int && delivered["execution"] as? String == "web")
    #expect(try event("stopping")["signal"] as? Int == 15)
    let failed = try event("refresh failed")
    #expect((failed["retry_in_seconds"] as? Double).map { $0 > 0 && $0 < 3600 } == true, "\(failed)")
    #expect(failed["failures"] as? Int == 1 && failed["level"] as? String == "warning")
    for line in lines {
      #expect(line["time"] is String && line["level"] is String)
    }
  }

  @Test func textIsLogfmt() async throws {
    for line in try await log("text") {
      var rest = line[...]
      var keys: [String] = []
      while let match = rest.prefixMatch(of: /([A-Za-z0-9_.-]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: |$)/) {
        keys.append(String(match.1))
        rest = rest[match.range.upperBound...]
      }
      #expect(rest.isEmpty, "\(line)")
      #expect(keys.prefix(3) == ["time", "level", "message"] && Set(keys).count == keys.count, "\(line)")
    }
  }

  /// What journald's own stream is to a unit.
  private static let journal = #"exec env JOURNAL_STREAM="$(stat --dereference --format=%d:%i /dev/fd/2)" "$@""#

  @Test func journaldIsToldHowMuchALineMatters() async throws {
    let lines = try await log("text", Self.journal)
    #expect(lines.contains { $0.hasPrefix("<5>level=notice message=\"generation delivered\" ") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("<4>level=warning message=\"refresh failed\" ") }, "\(lines)")
    #expect(lines.allSatisfy { $0.contains(/^<[2-7]>level=/) }, "\(lines)")
  }

  @Test func faultsAreErrorsInTheJournalToo() async throws {
    let agent = try Agent()
    for format in ["text", "json"] {
      let arguments = ["daemon", "--config", "/nonexistent/agent.yaml", "--log-format", format]
      let told = try await agent.shell(Self.journal, arguments)
      #expect(told.status == Status.invalidConfiguration)
      #expect(told.errorText.hasPrefix(format == "json" ? "<3>{" : "<3>error: "), told.said)
      // Who redirects it away from journald reads it without.
      let redirected = try await agent.shell(Self.journal + " 2>&1", arguments)
      #expect(redirected.outputText.hasPrefix(format == "json" ? "{" : "error: "), redirected.said)
    }
  }
}
