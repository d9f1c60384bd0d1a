import Foundation
import Glibc
import Testing

/// `status --check`, as probes call it.
@Suite(.timeLimit(.minutes(15))) struct StatusCheckTests {
  private let fakes: Fakes
  private let daemon: RunningDaemon

  init() throws {
    fakes = try Fakes()
    daemon = try RunningDaemon()
  }

  @Test func aProbeFindsADaemonReadyThatHasDelivered() async throws {
    let run = try daemon.start()
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    #expect(try await daemon.reach(run) { try await daemon.command("status", "--check").status == Status.done })
    let ready = try await daemon.command("status", "--check")
    #expect(ready.outputText.isEmpty && ready.errorText.isEmpty, ready.said)
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }

  @Test func aProbeIsToldWhichExecutionIsNotReady() async throws {
    let run = try daemon.start()
    try daemon.drop(jobSpec(vault(fakes.address), ["A": kv2("web/none", "x")]), as: "web")
    #expect(try await daemon.reach(run) { try await daemon.command("status").outputText.contains("web/none") })
    let outcome = try await daemon.command("status", "--check")
    #expect(outcome.status == Status.unavailable && outcome.outputText.isEmpty, outcome.said)
    #expect(outcome.errorText == "error: not ready: 1 execution: web\n", outcome.said)
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }

  /// A probe ends no workload that has its values; a person learns of the document all the same.
  @Test func aDocumentThatTurnsBadIsToldToPeopleAndNotToProbes() async throws {
    let run = try daemon.start()
    defer { run.send(SIGTERM) }
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { try await daemon.command("status").status == Status.done })
    try daemon.folder.write("{", as: "documents/web.yaml")
    #expect(
      try await daemon.reach(run) { try await daemon.command("status").outputText.contains("; 1 document refused\n") })
    let told = try await daemon.command("status")
    #expect(told.status == Status.invalidDocument, told.said)
    #expect(told.outputText.split(separator: "\n").filter { $0.hasPrefix("! ") }.count == 1, told.said)
    #expect(try await daemon.command("status", "--check").status == Status.done)

    try daemon.folder.write("{", as: "documents/new.yaml")
    #expect(
      try await daemon.reach(run) { try await daemon.command("status").outputText.contains("; 2 documents refused\n") })
    #expect(try await daemon.command("status").status == Status.unavailable)
    let probe = try await daemon.command("status", "--check")
    #expect(probe.status == Status.unavailable && probe.errorText == "error: not ready: 1 execution: new\n", probe.said)
  }

  @Test func aProbeFindsNoDaemon() async throws {
    let outcome = try await daemon.command("status", "--check")
    #expect(outcome.status == Status.unavailable, outcome.said)
    #expect(outcome.errorText.contains("no daemon answers"), outcome.said)
  }

  @Test(arguments: ["--json", "--watch"]) func aProbePrintsNoStatus(flag: String) async throws {
    let outcome = try await daemon.command("status", "--check", flag)
    #expect(outcome.status == Status.usage, outcome.said)
  }
}
