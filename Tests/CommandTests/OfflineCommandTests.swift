import Foundation
import Glibc
import TestSupport
import Testing

/// `resolve` and `exec` with `--offline-ok`: what a run got serves the next one while its store is away.
@Suite(.timeLimit(.minutes(15))) struct OfflineCommandTests {
  private static let password = "correct horse battery staple"

  private let fakes: Fakes
  private let agent: Agent
  private let document: String

  init() async throws {
    fakes = try Fakes()
    agent = try Agent()
    document = try agent.file(lone(fakes.address))
    let made = try await agent.run("cache", "init", "--key-file", agent.folder.file("cache.key").path)
    #expect(made.status == Status.done, made.said)
  }

  private func options(_ more: [String] = []) -> [String] {
    [
      document, "--offline-ok", "--cache-folder", agent.folder.file("kept").path, "--cache-key",
      agent.folder.file("cache.key").path, "--timeout", "4s",
    ] + more
  }

  private func resolve(_ more: String...) async throws -> Outcome {
    try await agent.run(["resolve"] + options(["--format", "json", "--output", "-"] + more))
  }

  private func exec(_ more: String...) async throws -> Outcome {
    try await agent.run(["exec"] + options(more + ["--", "sh", "-c", "printf %s \"$DB_PASSWORD\""]))
  }

  @Test(arguments: ["reset", "html", "retry_after", "hang"])
  func whileTheStoreIsAwayTheLastValuesServe(_ fault: String) async throws {
    let first = try await resolve()
    #expect(first.status == Status.done && first.values == loneValues, first.said)
    let settings: [String: JSON] = ["retry_after": .literal("600"), "html": .literal("403")]
    try await fakes.add(fault, settings[fault])
    let second = try await resolve()
    #expect(second.status == Status.done && second.values == loneValues, second.said)
    #expect(second.errorText.contains("stale value used") && second.errorText.contains("DB_PASSWORD"), second.said)
    #expect(!second.errorText.contains(Self.password))
    let third = try await exec()
    #expect(third.status == 0 && third.outputText == Self.password, third.said)
    #expect(third.errorText.contains("stale value used"), third.said)
    let watched = try await exec("--watch")
    #expect(watched.status == 0 && watched.outputText == Self.password, watched.said)
    #expect(watched.errorText.contains("stale value used"), watched.said)
  }

  @Test(arguments: [403, 404])
  func whatTheStoreRefusesIsNotUsedAndDestroyed(_ status: Int) async throws {
    #expect(try await exec().outputText == Self.password)
    try await fakes.add(
      "reply", ["status": .literal("\(status)"), "body": #"{"errors":["no"]}"#], on: "GET /v1/secret/*")
    let refused = try await resolve()
    #expect(refused.status == (status == 403 ? Status.denied : Status.unavailable), refused.said)
    #expect(refused.output.isEmpty)
    try await fakes.administer("DELETE", "faults")
    try await fakes.add("reset")
    let after = try await resolve()
    #expect(after.status == Status.unavailable && after.output.isEmpty, after.said)
  }

  @Test func withoutTheFlagNothingIsKeptOrUsed() async throws {
    #expect(try await agent.run("resolve", document, "--output", "-", "--format", "json").status == Status.done)
    try await fakes.add("reset")
    let outcome = try await resolve()
    #expect(outcome.status == Status.unavailable && outcome.output.isEmpty, outcome.said)
  }

  @Test func aValueThatIsTooOldForThePolicyIsNotUsed() async throws {
    #expect(try await resolve().status == Status.done)
    let policy = try agent.folder.write(
      "addresses: [{host: 127.0.0.1, tls: optional}]\nmax_stale: 1ms\n", as: "policy.yaml")
    try await fakes.add("reset")
    let outcome = try await resolve("--policy", policy)
    #expect(outcome.status == Status.unavailable && outcome.output.isEmpty, outcome.said)
  }

  @Test func whereNothingCanBeKeptNothingIsFetched() async throws {
    unlink(agent.folder.file("cache.key").path)
    let outcome = try await resolve()
    #expect(outcome.status == Status.invalidConfiguration, outcome.said)
    #expect(outcome.errorText.contains("secrets-agent cache init --key-file"), outcome.said)
    #expect(try await fakes.requests().isEmpty)
  }

  @Test(arguments: [
    ["--offline-ok"], ["--cache-key", "k"], ["--offline-after", "1s"],
    ["--offline-ok", "--config", "a", "--cache-folder", "b"],
  ])
  func itSaysWhatIsMissingToKeepValues(_ options: [String]) async throws {
    let outcome = try await agent.run(["resolve", document, "--output", "-"] + options)
    #expect(outcome.status == Status.usage, outcome.said)
    #expect(outcome.errorText.contains("--cache-folder"), outcome.said)
  }
}
