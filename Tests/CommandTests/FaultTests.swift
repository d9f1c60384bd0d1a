import Foundation
import Glibc
import TestSupport
import Testing

/// What a server may do to the agent: one line that names it, status 69, and the earlier output untouched.
@Suite(.timeLimit(.minutes(15))) struct ServerFaults {
  /// A fault of the fakes, and what the line must say.
  struct Misbehaviour: Sendable, CustomTestStringConvertible {
    let fault: String
    var argument: JSON?
    let words: [String]
    var options: [String] = []

    var testDescription: String { "\(fault) \(argument?.text ?? "")" }
  }

  /// What may pass is asked for again, for longer than these tests need.
  private static let soon = ["--timeout", "3s"]

  static let misbehaviours = [
    Misbehaviour(fault: "status", argument: 500, words: ["fault on demand", "500"], options: soon),
    Misbehaviour(fault: "status", argument: 503, words: ["fault on demand", "503"], options: soon),
    Misbehaviour(fault: "status", argument: 418, words: ["fault on demand", "418"]),
    Misbehaviour(
      fault: "retry_after", argument: 3600, words: ["too many requests", "429", "1h (Retry-After)"], options: soon),
    Misbehaviour(fault: "reset", words: ["ended early"], options: soon),
    Misbehaviour(fault: "truncated", words: ["ended early"], options: soon),
    Misbehaviour(fault: "html", argument: 200, words: ["not JSON", "text/html", "proxy"]),
    Misbehaviour(fault: "html", argument: 502, words: ["the server failed", "502"], options: soon),
    Misbehaviour(fault: "huge", argument: 104_857_600, words: ["larger than 4194304 bytes"]),
    Misbehaviour(fault: "garbage", words: ["not answer in HTTP"]),
    Misbehaviour(fault: "malformed_json", words: ["not JSON"]),
    Misbehaviour(fault: "hang", words: ["time"], options: ["--timeout", "1s"]),
    Misbehaviour(fault: "hang", words: ["no answer", "in time"], options: ["--attempt-timeout", "100ms"]),
  ]

  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes()
    agent = try Agent()
    try FileManager.default.createDirectory(at: agent.folder.file("out"), withIntermediateDirectories: false)
  }

  private func resolve(_ options: [String] = []) async throws -> Outcome {
    try await agent.run(
      [
        "resolve", try agent.file(lone(fakes.address)), "--output", agent.folder.file("out/env").path, "--files",
        agent.folder.file("out/files").path,
      ] + options)
  }

  /// Every name beneath the output folder with its content, links with where they lead.
  private func everything() throws -> [String: Data] {
    let root = agent.folder.file("out")
    var found: [String: Data] = [:]
    for name in FileManager.default.enumerator(atPath: root.path)?.compactMap({ $0 as? String }) ?? [] {
      let file = root.appendingPathComponent(name)
      let link = try? FileManager.default.destinationOfSymbolicLink(atPath: file.path)
      found[name] = link.map { Data($0.utf8) } ?? (try? Data(contentsOf: file)) ?? Data()
    }
    return found
  }

  @Test(arguments: misbehaviours) func aReadThatFailsLeavesTheEarlierOutput(_ bad: Misbehaviour) async throws {
    let first = try await resolve()
    #expect(first.status == Status.done, first.said)
    let before = try everything()
    #expect(before["env"] != nil)
    try await fakes.add(bad.fault, bad.argument, on: "GET /v1/secret/*")
    let outcome = try await resolve(bad.options)
    outcome.expectFailure(Status.unavailable, saying: "secrets.DB_PASSWORD", "provider vault")
    for word in bad.words {
      #expect(outcome.faults.first?.contains(word) == true, "no \(word): \(outcome.errorText)")
    }
    #expect(try everything() == before)
  }

  @Test(arguments: misbehaviours) func aLoginThatFailsWritesNothing(_ bad: Misbehaviour) async throws {
    try await fakes.add(bad.fault, bad.argument, on: "POST /v1/auth/approle/login")
    let outcome = try await resolve(bad.options)
    outcome.expectFailure(Status.unavailable, saying: "secrets.DB_PASSWORD", "provider vault")
    #expect(try everything() == [:])
  }

  @Test(arguments: [307]) func aRedirectToAnotherHostIsNotFollowed(status: Int) async throws {
    let thief = try Fakes()
    try await fakes.add("redirect", .string(thief.address + "/v1/secret/data/web/db"), on: "GET /v1/secret/*")
    let outcome = try await resolve()
    outcome.expectFailure(Status.unavailable, saying: "redirects to \(thief.host)", "standby_redirects", "\(status)")
    #expect(try await thief.requests() == [])
    #expect(try everything() == [:])
  }

  @Test(arguments: ["status", "reset", "retry_after"]) func aFaultThatPassesIsRiddenOut(fault: String) async throws {
    try await fakes.add(fault, fault == "retry_after" ? 0 : fault == "status" ? 503 : nil, on: "GET *", times: 2)
    let outcome = try await agent.resolve(lone(fakes.address))
    #expect(outcome.values == loneValues, outcome.said)
    #expect(outcome.errorText == "")
  }

  @Test(arguments: ["GET /v1/secret/*", "POST /v1/auth/approle/login"])
  func anOutageOfSecondsIsRiddenOut(call: String) async throws {
    // Two rounds of five attempts fail.
    try await fakes.add("status", 500, on: call, times: 11)
    let outcome = try await agent.resolve(lone(fakes.address))
    #expect(outcome.values == loneValues, outcome.said)
    #expect(outcome.errorText == "")
  }

  @Test(arguments: ["GET /v1/secret/", "POST /v1/auth/approle/login"])
  func whatStaysDownIsTriedAgainAndLeftInTime(call: String) async throws {
    try await fakes.add("status", 500, on: call + "*")
    let outcome = try await resolve(["--timeout", "3s"])
    outcome.expectFailure(Status.unavailable, saying: "500")
    #expect(try await fakes.requests().count { $0.hasPrefix(call) } >= 5)
  }

  /// What the agent made is taken back within the limit, and no longer than it is of use.
  @Test func aServerThatGoesSilentAfterTheLoginCostsNoMoreThanTheLimit() async throws {
    try await fakes.add("hang", on: "GET *")
    try await fakes.add("hang", on: "PUT *")
    try await fakes.add("hang", on: "POST /v1/auth/token/*")
    let clock = ContinuousClock()
    let start = clock.now
    let outcome = try await resolve(["--timeout", "2s"])
    outcome.expectFailure(Status.unavailable, saying: "secrets.DB_PASSWORD", "time")
    // Without a limit on leaving it was 51 s; the rest is the start of a process on a machine that may be busy.
    #expect(start.duration(to: clock.now) < .seconds(40))
  }

  @Test func aLoginThatFailsIsToldOnceForAllThatWaited() async throws {
    try await fakes.add("status", 403, on: "POST /v1/auth/approle/login")
    let outcome = try await agent.resolve(demo(fakes.address))
    #expect(outcome.faults.count == 1, outcome.said)
    for word in ["2 secrets (", "DB_PASSWORD", "API_KEY", "approle login at \(fakes.address): "] {
      #expect(outcome.errorText.contains(word), outcome.said)
    }
  }

  @Test func everyFailedSecretIsTold() async throws {
    try await fakes.add("status", 418, on: "GET /v1/secret/*")
    let outcome = try await agent.resolve(demo(fakes.address))
    #expect(outcome.faults.count == 2, outcome.said)
    for name in ["DB_PASSWORD", "API_KEY"] {
      #expect(outcome.faults.contains { $0.contains("secrets.\(name): ") }, outcome.said)
    }
  }

  @Test(arguments: [SIGTERM, SIGINT]) func anInterruptedResolveLeavesTheEarlierOutput(signal: Int32) async throws {
    let first = try await resolve()
    #expect(first.status == Status.done, first.said)
    let before = try everything()
    try await fakes.forget()
    try await fakes.add("hang", on: "GET /v1/secret/*")
    let run = try agent.start([
      "resolve", try agent.file(lone(fakes.address)), "--output", agent.folder.file("out/env").path,
    ])
    while try await !fakes.requests().contains("GET /v1/secret/data/web/db") {
      try await Task.sleep(for: .milliseconds(10))
    }
    run.send(signal)
    let outcome = try await run.outcome()
    #expect(outcome.status == 128 + signal, outcome.said)
    #expect(try everything() == before)
  }

  @Test func aSealedVaultSaysSo() async throws {
    try await fakes.administer("POST", "vault/seal")
    let outcome = try await resolve()
    outcome.expectFailure(Status.unavailable, saying: "sealed", "unseal it")
  }
}
