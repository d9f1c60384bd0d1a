import Foundation
import Glibc
import Testing

/// `exec --watch`: a command that is kept on fresh values.
@Suite(.timeLimit(.minutes(15))) struct ExecWatchTests {
  private let fakes: Fakes

  init() throws { fakes = try Fakes() }

  private func rotate(_ password: String) async throws {
    try await fakes.put("secret", "web/db", ["username": "web", "password": .string(password)])
  }

  /// Starts `script` with the password in its environment, fetched again every tenth of a second.
  private func watch(_ script: String, _ options: String..., environment: [String: String] = [:]) throws -> Run {
    let agent = try Agent(environment)
    let document = jobSpec(
      vault(fakes.address), ["DB_PASSWORD": kv2("web/db", "password").with([("refresh", "100ms")])])
    return try agent.start(
      ["exec", "--watch"] + options + [
        try agent.file(document), "--", "sh", "-c", "echo start:$DB_PASSWORD; \(script)",
      ])
  }

  private let first = "start:correct horse battery staple\n"

  @Test func theStopSignalIsTheOneChosen() async throws {
    let run = try watch("trap 'echo asked; exit' USR2; while :; do sleep 0.02; done", "--stop-signal", "USR2")
    #expect(try await run.printed(first))
    try await rotate("second")
    #expect(try await run.printed("asked\nstart:second\n"))
    run.send(SIGTERM)
    #expect(try await run.outcome().status == 143)
  }

  @Test func whoDoesNotEndIsKilledWhenTheGraceIsOver() async throws {
    let run = try watch(
      "trap 'echo asked' TERM; trap 'exit 5' USR1; while :; do sleep 0.02; done", "--grace", "300ms")
    #expect(try await run.printed(first))
    try await rotate("second")
    #expect(try await run.printed("asked\nstart:second\n"))
    // A signal to the agent is the command's own affair, with no patience but its sender's.
    run.send(SIGTERM)
    #expect(try await run.printed("start:second\nasked\n"))
    run.send(SIGUSR1)
    #expect(try await run.outcome().status == 5)
  }

  @Test(arguments: [("exit 0", 0), ("exit 9", 9), ("kill -KILL $$", 137)] as [(String, Int32)])
  func aCommandThatEndsEndsTheAgent(script: String, status: Int32) async throws {
    let outcome = try await watch(script).outcome()
    #expect(outcome.status == status, outcome.said)
    #expect(outcome.outputText == first)
    #expect(try await fakes.requests().contains("POST /v1/auth/token/revoke-self"))
  }

  @Test func otherSignalsArePassedOn() async throws {
    let run = try watch("trap 'echo reloaded' HUP; trap 'exit 5' USR1; while :; do sleep 0.02; done")
    #expect(try await run.printed(first))
    run.send(SIGHUP)
    #expect(try await run.printed("reloaded\n"))
    run.send(SIGUSR1)
    #expect(try await run.outcome().status == 5)
  }

  @Test func aFailedRefreshRestartsNothing() async throws {
    let run = try watch("trap 'exit 5' USR1; while :; do sleep 0.02; done")
    #expect(try await run.printed(first))
    try await fakes.add("status", 500, on: "GET /v1/secret/*")
    let before = try await fakes.requests().count
    while try await fakes.requests().count < before + 3 { try await Task.sleep(for: .milliseconds(20)) }
    run.send(SIGUSR1)
    let outcome = try await run.outcome()
    #expect(outcome.outputText == first)
    #expect(outcome.status == 5)
  }

  @Test func itsEnvironmentIsAnAllowlistAndTheSecrets() async throws {
    let run = try watch(
      "env", "--pass", "APP_*", environment: ["APP_MODE": "x", "OTHER": "y", "LANG": "C", "VAULT_TOKEN": "root"])
    let outcome = try await run.outcome()
    let names = Set(
      outcome.outputText.split(separator: "\n").compactMap { $0.split(separator: "=").first }.map(String.init))
    #expect(names.isSuperset(of: ["APP_MODE", "LANG", "PATH", "HOME", "DB_PASSWORD"]), outcome.said)
    #expect(names.isDisjoint(with: ["OTHER", "VAULT_TOKEN"]), outcome.said)
  }

  @Test func withoutTheFirstValuesNothingIsStarted() async throws {
    try await fakes.add("status", 403, on: "GET /v1/secret/*")
    let outcome = try await watch("true").outcome()
    #expect(outcome.status == Status.denied, outcome.said)
    #expect(outcome.output.isEmpty)
  }
}
