import Foundation
import Glibc
import TestSupport
import Testing

/// `get`: one value, to a pipe.
@Suite(.timeLimit(.minutes(15))) struct GetTests {
  private let fakes: Fakes
  private let agent: Agent
  private let file: String

  init() throws {
    fakes = try Fakes()
    agent = try Agent()
    file = try agent.file(demo(fakes.address))
  }

  @Test func theValueIsWrittenAsItIs() async throws {
    let outcome = try await agent.run("get", file, "DB_PASSWORD")
    #expect(outcome.status == Status.done && outcome.outputText == "correct horse battery staple", outcome.said)
    #expect(outcome.errorText == "", outcome.said)
  }

  @Test func nothingElseIsFetched() async throws {
    _ = try await agent.run("get", file, "API_KEY")
    let reads = try await fakes.requests().filter { $0.contains("/data/") }
    #expect(reads == ["GET /v1/secret/data/web/api"])
  }

  /// Others' failures are not this one's.
  @Test func whatFailsElsewhereIsPassedOver() async throws {
    try await fakes.add("status", .literal("404"), on: "GET /v1/secret/data/web/api")
    let outcome = try await agent.run("get", file, "DB_PASSWORD")
    #expect(outcome.status == Status.done, outcome.said)
    try await agent.run("get", file, "API_KEY").expectFailure(Status.unavailable, saying: "secrets.API_KEY", "404")
  }

  @Test func aNameThatIsNotThereIsToldWithThoseThatAre() async throws {
    try await agent.run("get", file, "DB_PASSWROD").expectFailure(
      Status.unavailable, saying: "DB_PASSWROD", "DB_PASSWORD", "API_KEY", "did you mean")
    #expect(try await fakes.requests().isEmpty)
  }

  @Test func everyFaultOfTheDocumentIsToldFirst() async throws {
    let wrong = try agent.file(jobSpec(vault(fakes.address), ["A": kv2("web/db", ""), "B": kv2("web/db", "")]))
    let outcome = try await agent.run("get", wrong, "A")
    #expect(outcome.status == Status.invalidDocument && outcome.faults.count == 2, outcome.said)
  }

  private static let getKey = #"sh -c '"$0" get "$1" UPLOADS_ACCESS_KEY_ID'"#

  /// One of several variables that an entry yields.
  @Test func aVariableOfAPrefixIsAName() async throws {
    let outcome = try await agent.shell(
      #"\#(Built.fakes) run --port 0 --aws-port 0 --azure-port 0 --gcp-port 0 -- \#(Self.getKey) "$1" "$2""#,
      [
        try agent.file([
          "secret_providers": [
            "uploads": [
              "provider": "aws_sts", "region": "us-east-1", "role_arn": "arn:aws:iam::123456789012:role/uploads",
              "external_id": "shop",
              "auth": [
                "access_key_id": "AKIAIOSFODNN7EXAMPLE",
                "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
              ],
            ]
          ], "secrets": ["UPLOADS": ["from": "uploads"]],
        ])
      ])
    #expect(outcome.status == Status.done && outcome.outputText.hasPrefix("ASIA"), outcome.said)
    #expect(!outcome.outputText.contains("\n"))
  }

  // MARK: - Terminals

  private static let hasTerminals = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

  @Test(.enabled(if: hasTerminals, "script(1) makes the terminal")) func aTerminalShowsItOnlyWhereAsked() async throws {
    var agent = agent
    agent.environment = ["TERM": "xterm", "SHELL": "/bin/sh"]
    let hidden = try await agent.shell(#"script -qec "$1 get \#(file) DB_PASSWORD" /dev/null"#, [])
    #expect(hidden.status == Status.usage && hidden.outputText.contains("--reveal"), hidden.said)
    #expect(!hidden.outputText.contains("correct horse"), hidden.said)
    #expect(try await fakes.requests().isEmpty)
    let shown = try await agent.shell(#"script -qec "$1 get --reveal \#(file) DB_PASSWORD" /dev/null"#, [])
    #expect(shown.status == Status.done && shown.outputText.contains("correct horse battery staple\r\n"), shown.said)
  }

  @Test func whatCannotBeWrittenIsAnError() async throws {
    let outcome = try await agent.shell(#""$@" > /dev/full"#, ["get", file, "API_KEY"])
    outcome.expectFailure(Status.cannotWrite, saying: "standard output", "No space left")
  }
}
