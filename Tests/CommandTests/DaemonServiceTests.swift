import Foundation
import Glibc
import TestSupport
import Testing

/// The daemon as a service: signals, listeners, the files it serves.
@Suite(.timeLimit(.minutes(15))) struct DaemonServiceTests {
  private let fakes: Fakes

  init() throws { fakes = try Fakes() }

  private func curl(_ arguments: String..., folder: ScratchFolder) async throws -> Outcome {
    let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
    return try await Run(
      ["curl", "--disable", "--silent", "--noproxy", "*"] + arguments, environment: environment, folder: folder
    ).outcome()
  }

  private func log(_ daemon: RunningDaemon, _ run: Run, says text: String) async throws -> Bool {
    try await daemon.reach(run) { try run.errorSoFar().contains(text) }
  }

  @Test func aReloadDropsNoValueAndTakesTheNewSettings() async throws {
    let daemon = try RunningDaemon()
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let first = try #require(daemon.generation(of: "web"))
    let other = daemon.folder.file("more")
    try FileManager.default.createDirectory(at: other, withIntermediateDirectories: false)
    try daemon.folder.write(demo(fakes.address).text, as: "more/web.yaml")
    try daemon.configure(documents: other.path)
    run.send(SIGHUP)
    #expect(try await log(daemon, run, says: "configuration reloaded"))
    #expect(daemon.generation(of: "web") == first)
    try await fakes.put("secret", "web/db", ["username": "web", "password": "rotated"])
    _ = try await daemon.command("refresh")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["DB_PASSWORD"] == "rotated" })
    // A faulty file changes nothing.
    try daemon.folder.write("sources: 5\n", as: "agent.yaml")
    run.send(SIGHUP)
    #expect(try await log(daemon, run, says: "configuration refused"))
    #expect(daemon.generation(of: "web")?["DB_PASSWORD"] == "rotated")
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }

  @Test func stateIsLoggedOnRequestAndOnlyAsWords() async throws {
    let daemon = try RunningDaemon()
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    run.send(SIGUSR1)
    #expect(try await log(daemon, run, says: " message=state execution=web failing=0 generation=1 "))
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(!outcome.errorText.contains("correct horse"))
  }

  @Test func anEndDoesNotWaitForAStoreThatHangs() async throws {
    let daemon = try RunningDaemon()
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    try await fakes.add("hang")
    run.send(SIGTERM)
    // The fake never answers: only giving up leads to an end.
    #expect(try await run.outcome().status == Status.done)
    #expect(daemon.generation(of: "web") != nil)
  }

  @Test func aTokenRevokedMidWayIsReplacedByOneLogin() async throws {
    let daemon = try RunningDaemon()
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    try await fakes.put("secret", "web/db", ["username": "web", "password": "rotated"])
    try await fakes.administer("POST", "vault/revoke-tokens")
    _ = try await daemon.command("refresh")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["DB_PASSWORD"] == "rotated" })
    #expect(try await fakes.requests().count { $0 == "POST /v1/auth/approle/login" } == 2)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aStopRemovesOutputsWhereItIsToldTo() async throws {
    let daemon = try RunningDaemon("stop: {remove_outputs: true, revoke_leases: true}")
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    run.send(SIGINT)
    #expect(try await run.outcome().status == Status.done)
    #expect(!FileManager.default.fileExists(atPath: daemon.folder.file("out/web").path))
  }

  @Test func scrapersAreAnsweredOverLoopbackAndNobodyElseIs() async throws {
    let port = try freePorts(inARow: 1)
    let daemon = try RunningDaemon(api: "metrics_address: \"127.0.0.1:\(port)\"")
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let address = "http://127.0.0.1:\(port)"
    let metrics = try await curl("\(address)/metrics", folder: daemon.folder)
    #expect(metrics.outputText.contains("secrets_agent_generation{execution=\"web\"} 1"), metrics.said)
    #expect(try await curl("\(address)/healthz", folder: daemon.folder).outputText.hasPrefix("ok"))
    for path in ["v1/status", "v1/refresh"] {
      let answer = try await curl("--fail", "\(address)/\(path)", folder: daemon.folder)
      #expect(answer.status == 22 && answer.output.isEmpty, answer.said)
    }
    let rebound = try await curl(
      "--fail", "--header", "Host: evil.example", "\(address)/metrics", folder: daemon.folder)
    #expect(rebound.status == 22, rebound.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aServedFileThatChangesShowsAtOnce() async throws {
    let daemon = try RunningDaemon()
    let policy = try daemon.folder.write("file_roots: [\(daemon.folder.path)/served]\n", as: "policy.yaml")
    try daemon.configure(more: "policy: \(policy)")
    try FileManager.default.createDirectory(at: daemon.folder.file("served"), withIntermediateDirectories: false)
    try daemon.folder.write("first", as: "served/key")
    try daemon.drop(
      jobSpec(["provider": "file"], ["KEY": ["from": "vault", "path": .string("\(daemon.folder.path)/served/key")]]),
      as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["KEY"] == "first" })
    try daemon.folder.write("second", as: "served/key.new")
    rename(daemon.folder.file("served/key.new").path, daemon.folder.file("served/key").path)
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["KEY"] == "second" })
    // Gone: the last good value stays, and status says so.
    unlink(daemon.folder.file("served/key").path)
    #expect(try await daemon.reach(run) { try await daemon.command("status").outputText.contains("web  stale") })
    #expect(daemon.generation(of: "web")?["KEY"] == "second")
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func statusIsPrintedAnewWhileItIsWatched() async throws {
    let daemon = try RunningDaemon()
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let watching = try daemon.begin("status", "--watch")
    #expect(try await watching.printed("web  live  generation 1"))
    try await fakes.put("secret", "web/db", ["username": "web", "password": "rotated"])
    _ = try await daemon.command("refresh")
    #expect(try await watching.printed("web  live  generation 2"))
    run.send(SIGTERM)
    _ = try await run.outcome()
    // It waits for the daemon's return, until it is ended itself.
    watching.send(SIGTERM)
    #expect(try await watching.outcome().signal == SIGTERM)
  }

  @Test func anOrchestratorIsFollowedOverHTTP() async throws {
    let python = try #require(
      ["/usr/bin/python3", "/usr/local/bin/python3"].first { FileManager.default.isExecutableFile(atPath: $0) }
        ?? ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"])
    let daemon = try RunningDaemon()
    let port = try freePorts(inARow: 1)
    let list = daemon.folder.file("served")
    try FileManager.default.createDirectory(at: list, withIntermediateDirectories: false)
    let execution = JSON.object([
      ("id", "e-1"), ("node_id", "test"), ("job_spec", demo(fakes.address)),
      ("status", ["desired_state": ["state_type": "running"]]),
    ])
    let other = JSON.object([("id", "e-2"), ("node_id", "another"), ("job_spec", demo(fakes.address))])
    try daemon.folder.write(JSON.object([("items", .array([execution, other]))]).text, as: "served/executions")
    let server = try Run(
      [python, "-m", "http.server", "--bind", "127.0.0.1", "--directory", list.path, "\(port)"],
      environment: ["PATH": "/usr/bin:/bin"], folder: daemon.folder)
    try daemon.configure(
      sources:
        "{orchestrators: {urls: [\"http://127.0.0.1:\(port)/executions?node_ids={node_id}\"], poll_interval: 1s}}")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "e-1") != nil })
    #expect(daemon.generation(of: "e-2") == nil)
    // An unreachable orchestrator stops nothing.
    server.send(SIGKILL)
    _ = try await server.outcome()
    #expect(try await daemon.reach(run) { try await daemon.command("status").outputText.contains("! source ") })
    #expect(daemon.generation(of: "e-1") != nil)
    try daemon.folder.write("{\"items\": null}", as: "served/executions")
    let again = try Run(
      [python, "-m", "http.server", "--bind", "127.0.0.1", "--directory", list.path, "\(port)"],
      environment: ["PATH": "/usr/bin:/bin"], folder: daemon.folder)
    #expect(
      try await daemon.reach(run) { !FileManager.default.fileExists(atPath: daemon.folder.file("out/e-1").path) })
    again.send(SIGKILL)
    _ = try await again.outcome()
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }
}
