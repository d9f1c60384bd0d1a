import Foundation
import Glibc
import TestSupport
import Testing

/// The daemon against an orchestrator's double, over HTTP, by its default addresses.
@Suite(.timeLimit(.minutes(15))) struct OrchestratedDaemon {
  private typealias Execution = OrchestratorDouble.Execution

  private let orchestrator: OrchestratorDouble
  private let daemon: RunningDaemon

  init() async throws {
    orchestrator = try await OrchestratorDouble()
    daemon = try RunningDaemon()
    let key = try daemon.folder.write(OrchestratorDouble.apiKey, as: "key")
    let policy = try daemon.folder.write("file_roots: [\(daemon.folder.path)]", as: "policy.yaml")
    try daemon.configure(
      sources: "{orchestrators: [{urls: ['\(orchestrator.server.address)'], api_key_file: \(key), poll_interval: 1s}]}",
      more: "policy: \(policy)")
    try daemon.folder.write("first", as: "value")
  }

  private var jobSpec: JSON {
    [
      "name": "web",
      "secret_providers": ["node": ["provider": "file"]],
      "secrets": ["TOKEN": ["from": "node", "path": .string(daemon.folder.file("value").path)]],
    ]
  }

  private func isGone(_ id: String) -> Bool {
    !FileManager.default.fileExists(atPath: daemon.folder.file("out/\(id)").path)
  }

  private func stop(_ run: Run) async throws {
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(outcome.status == Status.done, outcome.said)
    #expect(!outcome.errorText.contains(OrchestratorDouble.apiKey) && !outcome.errorText.contains("bearer.token"))
  }

  @Test func anExecutionIsFollowedWithAndWithoutItsJobSpec() async throws {
    orchestrator.list([Execution(id: "e", jobSpec: jobSpec)])
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "e")?["TOKEN"] == "first" })
    // The next answers come without the job spec: its secrets stay, and stay fresh.
    orchestrator.list([Execution(id: "e")])
    let polls = orchestrator.server.recorder.count("GET /api/v1/executions")
    #expect(try await daemon.reach(run) { orchestrator.server.recorder.count("GET /api/v1/executions") > polls + 2 })
    try daemon.folder.write("second", as: "value")
    #expect(try await daemon.reach(run) { daemon.generation(of: "e")?["TOKEN"] == "second" })
    let status = try await daemon.command("status")
    #expect(!status.outputText.contains("job_spec"), status.said)
    #expect(orchestrator.server.recorder.count("GET /api/v1/jobs/*") == 0)
    // The same saying stopped ends it.
    orchestrator.list([Execution(id: "e", desired: "stopped", observed: "stopping")])
    #expect(try await daemon.reach(run) { isGone("e") })
    try await stop(run)
  }

  @Test func oneThatCompletedEndsAndOneThatFailedStays() async throws {
    orchestrator.list([Execution(id: "a", jobSpec: jobSpec), Execution(id: "b", jobSpec: jobSpec)])
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "a") != nil && daemon.generation(of: "b") != nil })
    // An orchestrator that filters by state no longer lists what completed.
    orchestrator.list([
      Execution(id: "a", observed: "completed", jobSpec: jobSpec),
      Execution(id: "b", observed: "failed", jobSpec: jobSpec),
    ])
    #expect(try await daemon.reach(run) { isGone("a") })
    #expect(daemon.generation(of: "b") != nil)
    try await stop(run)
  }

  @Test func aJobIsAskedForWhereNoneIsKnown() async throws {
    orchestrator.list([Execution(id: "a"), Execution(id: "b")])
    let run = try daemon.start()
    #expect(
      try await daemon.reach(run) { try await daemon.command("status").outputText.contains("job_spec: missing") })
    try await stop(run)
    orchestrator.put(job: "job-abc123xyz", jobSpec)
    orchestrator.server.recorder.reset()
    let again = try daemon.start()
    #expect(try await daemon.reach(again) { daemon.generation(of: "a") != nil && daemon.generation(of: "b") != nil })
    #expect(orchestrator.server.recorder.requests.filter { $0.path.hasPrefix("/api/v1/jobs/") }.count == 1)
    try await stop(again)
  }

  @Test func aPageOfAThousandAndANextTokenAreRead() async throws {
    let ended = (0..<1000).map { Execution(id: "ended-\($0)", desired: "stopped") }
    orchestrator.list(ended + [Execution(id: "e", jobSpec: jobSpec)])
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "e")?["TOKEN"] == "first" })
    let lists = orchestrator.server.recorder.requests.filter { $0.path == "/api/v1/executions" }
    #expect(lists.first?.rawQuery.contains("node_ids=test&limit=1000&states=pending&states=starting") == true)
    #expect(lists.contains { $0.query["next_token"] == "1000" })
    #expect(orchestrator.server.recorder.requests.first?.line == "POST /api/v1/auth/token")
    try await stop(run)
  }
}
