import Foundation
import Glibc
import TestSupport
import Testing

/// `exec --mask`: what a command writes, without the values.
@Suite(.timeLimit(.minutes(15))) struct MaskedExec {
  private let fakes: Fakes
  private let agent: Agent
  private let file: String

  init() throws {
    fakes = try Fakes()
    agent = try Agent()
    file = try agent.file(demo(fakes.address))
  }

  private func run(_ script: String) async throws -> Outcome {
    try await agent.run("exec", "--mask", file, "--", "sh", "-c", script)
  }

  @Test func valuesAreMaskedInOutputAndErrorAndNothingElseIs() async throws {
    let outcome = try await run(
      """
      printf 'password: %s, key %s\\n' "$DB_PASSWORD" "$API_KEY"
      printf 'failed for %s\\n' "$API_KEY" >&2
      printf 'user:%s' "$API_KEY" | base64 -w 0
      echo; printf 'binary \\377 bytes'
      exit 7
      """)
    #expect(outcome.status == 7)
    let lines = outcome.output.split(separator: 0x0a).map { Data($0) }
    #expect(lines.first == Data("password: <redacted>, key <redacted>".utf8))
    #expect(lines.count == 3)
    #expect(String(decoding: lines.dropFirst().first ?? Data(), as: UTF8.self).contains("<redacted>"))
    #expect(lines.last == Data("binary ".utf8) + [0xff] + Data(" bytes".utf8))
    #expect(outcome.errorText == "failed for <redacted>\n")
  }

  @Test func aValueInPiecesIsMasked() async throws {
    let outcome = try await run(
      #"rest=${API_KEY#????????}; printf '%s' "${API_KEY%"$rest"}"; sleep 0.3; printf '%s\n' "$rest""#)
    #expect(outcome.outputText == "<redacted>\n")
  }

  /// The command took its lines for written; a log on a full disk would go unnoticed.
  @Test(
    arguments: [[String](), ["--watch"]],
    [(">/dev/full", "exit 0", 73), ("2>/dev/full", "exit 0", 73), (">/dev/full", "exit 5", 5)])
  func outputThatCannotBeWrittenIsNoSuccess(options: [String], lost: (to: String, end: String, status: Int32))
    async throws
  {
    let outcome = try await agent.shell(
      #""$@" 3>&2 \#(lost.to)"#,
      ["exec", "--mask"] + options + [file, "--", "sh", "-c", "echo hi; echo oh >&2; \(lost.end)"])
    #expect(outcome.status == lost.status, outcome.said)
    #expect(lost.to.hasPrefix("2") || outcome.errorText.contains("No space left on device"), outcome.said)
  }

  @Test func muchOutputComesWhole() async throws {
    let outcome = try await run("seq 1 200000")
    #expect(outcome.status == 0)
    #expect(outcome.outputText == (1...200_000).map { "\($0)\n" }.joined())
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGUSR1]) func signalsAndTheirEndReachTheChild(signal: Int32) async throws {
    let script = "trap 'echo bye; exit 42' \(signal); echo ready; while :; do sleep 0.02; done"
    let run = try agent.start(["exec", "--mask", file, "--", "sh", "-c", script])
    #expect(try await run.printed("ready"))
    run.send(signal)
    let outcome = try await run.outcome()
    #expect(outcome.status == 42)
    #expect(outcome.outputText == "ready\nbye\n")
  }

  @Test func aPromptIsShownWhileTheCommandWaits() async throws {
    // Its last letter may begin a value.
    let run = try agent.start([
      "exec", "--mask", file, "--", "sh", "-c", "printf 'Enter c'; while :; do sleep 0.02; done",
    ])
    #expect(try await run.printed("Enter c"))
    run.send(SIGKILL)
    _ = try await run.outcome()
  }

  @Test func whatIsLeftRunningIsNotWaitedFor() async throws {
    let outcome = try await run("sleep 1000 & echo $! ; echo done")
    #expect(outcome.status == 0)
    #expect(outcome.outputText.hasSuffix("done\n"))
    if let pid = outcome.outputText.split(separator: "\n").first.flatMap({ pid_t($0) }) {
      kill(pid, SIGKILL)
    }
  }

  @Test func aReaderThatGoesAwayEndsTheCommandAsWithoutAMask() async throws {
    let outcome = try await agent.shell(
      #""$@" | head -n 1; echo done"#, ["exec", "--mask", file, "--", "yes"])
    #expect(outcome.outputText == "y\ndone\n")
  }

  @Test func aCommandThatCannotBeStartedIsSaid() async throws {
    let outcome = try await agent.run("exec", "--mask", file, "--", "no-such-command-of-this-name")
    #expect(outcome.status == 127)
  }

  @Test func theAgentsOwnErrorsRepeatNoValue() async throws {
    for format in ["text", "json"] {
      let outcome = try await agent.run("exec", "--log-format", format, file, "--", "demo-api-key-0123456789")
      #expect(outcome.status == 127)
      #expect(outcome.errorText.contains("<redacted>"), outcome.said)
      #expect(!outcome.errorText.contains("demo-api-key"), outcome.said)
    }
  }

  @Test func aWatchedCommandIsMaskedToo() async throws {
    let outcome = try await agent.run(
      "exec", "--watch", "--mask", file, "--", "sh", "-c", #"echo "it is $API_KEY"; exit 3"#)
    #expect(outcome.status == 3)
    #expect(outcome.outputText == "it is <redacted>\n")
  }
}
