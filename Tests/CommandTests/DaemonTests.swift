import Foundation
import Glibc
import Testing

@Suite(.timeLimit(.minutes(15))) struct DaemonTests {
  private let fakes: Fakes
  private let daemon: RunningDaemon

  init() throws {
    fakes = try Fakes()
    daemon = try RunningDaemon()
  }

  private func rotate(_ password: String) async throws {
    try await fakes.put("secret", "web/db", ["username": "web", "password": .string(password)])
  }

  @Test func anExecutionIsFollowedFromItsDocumentToItsEnd() async throws {
    let run = try daemon.start()
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["API_KEY"] == "demo-api-key-0123456789" })
    let status = try await daemon.command("status")
    #expect(status.status == Status.done, status.said)
    #expect(status.outputText.contains("web  live  generation 1"), status.said)
    #expect(status.outputText.hasPrefix("1 of 1 execution ready; 2 secrets: 2 live, 0 late, 0 stale, 0 failing\n"))
    #expect(status.outputText.contains("AGE") && status.outputText.contains("NEXT"))
    #expect(!status.outputText.contains("demo-api-key"))
    try await rotate("rotated")
    #expect(try await daemon.command("refresh", "web", "DB_PASSWORD").status == Status.done)
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["DB_PASSWORD"] == "rotated" })
    daemon.remove("web")
    #expect(try await daemon.reach(run) { !FileManager.default.fileExists(atPath: daemon.folder.file("out/web").path) })
    run.send(SIGTERM)
    let outcome = try await run.outcome()
    #expect(outcome.status == Status.done, outcome.said)
    #expect(!outcome.errorText.contains("rotated") && !outcome.errorText.contains("demo-web-secret-id"))
    #expect(try await fakes.requests().contains("POST /v1/auth/token/revoke-self"))
  }

  @Test func aWatchedStatusEndsWithItsReader() async throws {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { try await daemon.command("status").status == Status.done })
    let outcome = try await daemon.shell("\"$@\" | head -n 1", "status", "--watch")
    #expect(outcome.outputText == "no executions\n", outcome.said)
    #expect(outcome.status == Status.done && outcome.errorText.isEmpty, outcome.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func theLocalAPITellsAgesAndNeverAValue() async throws {
    let run = try daemon.start()
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let metrics = try await ask("metrics")
    for family in [
      "secret_age_seconds", "secret_next_refresh_seconds", "provider_calls_total", "provider_logins_total",
      "generation",
    ] {
      #expect(metrics.contains("secrets_agent_\(family){"), "\(family)")
    }
    #expect(try await daemon.reach(run) { try await ask("readyz").hasPrefix("ready") })
    #expect(try await ask("healthz").hasPrefix("ok"))
    let everything = try await metrics + ask("v1/status") + ask("readyz")
    for value in ["correct horse", "demo-api-key", "demo-web-secret-id"] {
      #expect(!everything.contains(value))
    }
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func executionsCanBePutByCurl() async throws {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { FileManager.default.fileExists(atPath: daemon.folder.file("api.sock").path) })
    try daemon.folder.write(demo(fakes.address).text, as: "put.json")
    let path = daemon.folder.file("put.json").path
    #expect(try await ask("v1/executions/e-1", ["--upload-file", path]).hasPrefix("accepted"))
    #expect(try await daemon.reach(run) { daemon.generation(of: "e-1") != nil })
    #expect(try await ask("v1/executions/e-1", ["--request", "PUT", "--data", "{\"items\": 5}"]).contains("items"))
    #expect(daemon.generation(of: "e-1") != nil)
    #expect(try await ask("v1/executions/e-1", ["--request", "DELETE"]).hasPrefix("stopped"))
    #expect(!FileManager.default.fileExists(atPath: daemon.folder.file("out/e-1").path))
    #expect(try await ask("v1/executions/e-1", ["--request", "DELETE"]).contains("no execution"))
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  private func ask(_ path: String, _ more: [String] = []) async throws -> String {
    let command =
      ["curl", "--disable", "--silent", "--unix-socket", daemon.folder.file("api.sock").path] + more
      + ["http://localhost/\(path)"]
    let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
    return try await Run(command, environment: environment, folder: daemon.folder).outcome().outputText
  }

  @Test func aSecondInstanceIsTurnedAway() async throws {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { FileManager.default.fileExists(atPath: daemon.folder.file("api.sock").path) })
    let second = try await daemon.start().outcome()
    // It may be one that ends just now.
    second.expectFailure(Status.unavailable, saying: "an agent (process \(run.pid)) runs with this state folder")
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aFaultyConfigurationIsToldInFull() async throws {
    try daemon.folder.write(
      """
      sorces: {}
      outputs: {mode: "0644", folder: "a/b", environment_file: yaml}
      notices: [{signal: NOPE, pid: 77}]
      """, as: "agent.yaml")
    let outcome = try await daemon.start().outcome()
    #expect(outcome.status == Status.invalidConfiguration)
    for word in [
      "sorces", "sources", "outputs.mode", "outputs.folder", "outputs.environment_file", "notices[0].signal",
    ] {
      #expect(outcome.errorText.contains(word), "no \(word): \(outcome.errorText)")
    }
    #expect(outcome.faults.allSatisfy { $0.contains("line ") })
  }

  /// SIGKILL at any moment, many times over: a reader sees one generation or the next, whole, and never an older one again.
  @Test func killedAtAnyMomentItLeavesWholeGenerations() async throws {
    let rounds = ProcessInfo.processInfo.environment["SECRETS_AGENT_KILL_ROUNDS"].flatMap { Int($0) } ?? 300
    let document = jobSpec(
      vault(fakes.address),
      [
        "ONE": kv2("web/db", "username").with([("refresh", "20ms")]),
        "TWO": kv2("web/db", "password").with([("refresh", "20ms")]),
      ])
    try daemon.drop(document, as: "web")
    var newest = 0
    try await fakes.put("secret", "web/db", ["username": "0", "password": "0"])
    var run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    for round in 1...rounds {
      try await fakes.put("secret", "web/db", ["username": .string("\(round)"), "password": .string("\(round)")])
      for _ in 0..<Int.random(in: 1...40) {
        if let seen = daemon.generation(of: "web") {
          let one = try #require(seen["ONE"].flatMap { Int($0) }, "\(seen)")
          #expect(seen["TWO"] == "\(one)", "a mix")
          #expect(seen[".env"] == "ONE='\(one)'\nTWO='\(one)'\n", "env file and files differ")
          #expect(one >= newest, "an older generation")
          newest = max(newest, one)
        }
        usleep(UInt32.random(in: 100...3000))
      }
      run.send(SIGKILL)
      _ = try await run.outcome()
      #expect(daemon.generation(of: "web") != nil)
      run = try daemon.start()
    }
    #expect(try await daemon.reach(run) { daemon.generation(of: "web")?["ONE"] == "\(rounds)" })
    // What killed writers left is cleaned up.
    #expect(
      try await daemon.reach(run) {
        let names = try FileManager.default.contentsOfDirectory(atPath: daemon.folder.file("out/web").path)
        return names.count { $0.hasPrefix("..generation_") } == 1
      })
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aWatchedCommandIsRestartedWithTheNewValue() async throws {
    let agent = try Agent(["KEPT": "no"])
    let document = jobSpec(
      vault(fakes.address), ["DB_PASSWORD": kv2("web/db", "password").with([("refresh", "100ms")])])
    let script = "echo start:$DB_PASSWORD:${KEPT-}; trap 'exit 7' TERM; while :; do sleep 0.02; done"
    let run = try agent.start(["exec", "--watch", try agent.file(document), "--", "sh", "-c", script])
    #expect(try await run.printed("start:correct horse battery staple:\n"))
    try await rotate("rotated")
    #expect(try await run.printed("start:rotated:\n"))
    run.send(SIGTERM)
    #expect(try await run.outcome().status == 7)
  }
}
