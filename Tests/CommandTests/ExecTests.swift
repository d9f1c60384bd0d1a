import Foundation
import Glibc
import Testing

/// `exec DOC -- CMD`: the values in a child's environment, and nowhere else.
@Suite(.timeLimit(.minutes(15))) struct Exec {
  private let fakes: Fakes
  private let agent: Agent
  private let file: String

  init() throws {
    fakes = try Fakes()
    agent = try Agent(["INHERITED": "from outside", "SECRET_ID": "demo-web-secret-id"])
    file = try agent.file(
      demo(fakes.address).with([
        (
          "secret_providers",
          [
            "vault": vault(
              fakes.address,
              auth: ["method": "approle", "role_id": "demo-web-role", "secret_id_env": "SECRET_ID"])
          ]
        )
      ]))
  }

  @Test func theChildHasTheValuesAndWhatItInheritsButNotTheCredential() async throws {
    let outcome = try await agent.run("exec", file, "--", "env", "-0")
    #expect(outcome.status == 0, outcome.said)
    let variables = Set(outcome.outputText.split(separator: "\0").map(String.init))
    #expect(variables.contains("DB_PASSWORD=correct horse battery staple"))
    #expect(variables.contains("API_KEY=demo-api-key-0123456789"))
    #expect(variables.contains("INHERITED=from outside"))
    #expect(!variables.contains { $0.contains("demo-web-secret-id") })
  }

  @Test func aSecretWinsOverAVariableOfItsName() async throws {
    var agent = agent
    agent.environment["API_KEY"] = "an old one"
    let outcome = try await agent.run("exec", file, "--", "sh", "-c", "printf %s \"$API_KEY\"")
    #expect(outcome.outputText == "demo-api-key-0123456789", outcome.said)
  }

  @Test func theChildHasNoDescriptorOfTheAgents() async throws {
    let outcome = try await agent.run("exec", file, "--", "sh", "-c", "ls -l /proc/self/fd")
    #expect(outcome.status == 0, outcome.said)
    #expect(!outcome.outputText.contains("socket:") && !outcome.outputText.contains("eventpoll"), outcome.said)
  }

  @Test(arguments: [0, 1, 64, 69, 255]) func theChildsStatusIsTheAgents(status: Int32) async throws {
    let outcome = try await agent.run("exec", file, "--", "sh", "-c", "exit \(status)")
    #expect(outcome.status == status)
    #expect(outcome.errorText == "")
  }

  @Test func aChildThatASignalEndedGives128AndItsNumber() async throws {
    let outcome = try await agent.run("exec", file, "--", "sh", "-c", "kill -TERM $$")
    #expect(outcome.status == 128 + SIGTERM)
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2]) func signalsReachTheChild(signal: Int32) async throws {
    let script = "trap 'exit 42' \(signal); echo ready; while :; do sleep 0.02; done"
    let run = try agent.start(["exec", file, "--", "sh", "-c", script])
    #expect(try await run.printed("ready"))
    run.send(signal)
    #expect(try await run.outcome().status == 42)
  }

  @Test func nothingIsWrittenToDisk() async throws {
    let outcome = try await agent.run("exec", file, "--", "sh", "-c", "find \"$HOME\" -type f; true")
    #expect(outcome.status == 0, outcome.said)
    let found = outcome.outputText.split(separator: "\n").map { URL(fileURLWithPath: String($0)).lastPathComponent }
    // The document, and the files that take the run's own outputs.
    #expect(found.allSatisfy { $0.hasPrefix("document-") || $0.hasPrefix("std") }, outcome.said)
  }

  @Test func itsTokenIsRevokedWhenItEnds() async throws {
    let outcome = try await agent.run("exec", file, "--", "true")
    #expect(outcome.status == 0, outcome.said)
    #expect(try await fakes.requests().last == "POST /v1/auth/token/revoke-self")
  }

  @Test func argumentsAndInputPassUnchanged() async throws {
    let printed = try await agent.run("exec", file, "--", "printf", "%s|", "--format", "a b", "$API_KEY", "", "--")
    #expect(printed.outputText == "--format|a b|$API_KEY||--|", printed.said)
    let read = try await agent.run("exec", file, "--", "cat", input: "typed in")
    #expect(read.outputText == "typed in", read.said)
  }

  @Test func aCommandThatIsNotThereGives127() async throws {
    let outcome = try await agent.run("exec", file, "--", "no-such-command-here")
    outcome.expectFailure(127, saying: "no-such-command-here", "no such command")
  }

  @Test func aCommandThatCannotBeRunGives126() async throws {
    let plain = try agent.folder.write("plain", as: "plain")
    let outcome = try await agent.run("exec", file, "--", plain)
    outcome.expectFailure(126, saying: "plain", "execute bit")
  }

  @Test func noCommandIsAFaultOfUsage() async throws {
    for arguments in [["exec", file], ["exec", file, "--"]] {
      let outcome = try await agent.run(arguments)
      #expect(outcome.status == Status.usage, outcome.said)
    }
    #expect(try await fakes.requests() == [])
  }

  @Test func aFailedResolveStartsNoChild() async throws {
    try await fakes.add("status", 403, on: "GET /v1/secret/data/web/api")
    let outcome = try await agent.run("exec", file, "--", "echo", "started")
    outcome.expectFailure(Status.denied, saying: "secrets.API_KEY")
  }
}
