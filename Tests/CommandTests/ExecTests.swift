import Foundation
import Glibc
import TestSupport
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

  /// Whoever started the agent may have had more than the document takes.
  private static let ofTheAgent = [
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_HEADER", "GOOGLE_APPLICATION_CREDENTIALS",
    "VAULT_TOKEN", "BAO_TOKEN", "SECRET_ID",
  ]

  private func names(_ options: String..., of file: String, _ agent: Agent) async throws -> Set<String> {
    let outcome = try await agent.run(["exec"] + options + [file, "--", "env", "-0"])
    #expect(outcome.status == 0, outcome.said)
    return Set(outcome.outputText.split(separator: "\0").compactMap { $0.split(separator: "=").first.map(String.init) })
  }

  private var agentWithCredentials: Agent {
    var agent = agent
    for name in Self.ofTheAgent where name != "SECRET_ID" {
      agent.environment[name] = "the agent's own"
    }
    agent.environment["AWS_REGION"] = "eu-west-1"
    return agent
  }

  @Test func theChildHasNoVariableThatAuthenticationReads() async throws {
    let plain = try await names(of: file, agentWithCredentials)
    #expect(plain.isDisjoint(with: Self.ofTheAgent))
    #expect(plain.isSuperset(of: ["INHERITED", "AWS_REGION", "DB_PASSWORD"]))
    let watched = try await names("--watch", "--pass", "A*", "--pass", "INHERITED", of: file, agentWithCredentials)
    #expect(watched.isDisjoint(with: Self.ofTheAgent))
    #expect(watched.isSuperset(of: ["INHERITED", "AWS_REGION", "DB_PASSWORD"]))
  }

  @Test func keepEnvLeavesThemAll() async throws {
    let kept = try await names("--keep-env", of: file, agentWithCredentials)
    #expect(kept.isSuperset(of: Self.ofTheAgent))
  }

  @Test func aSecretOfSuchANameIsDelivered() async throws {
    let document = jobSpec(vault(fakes.address), ["VAULT_TOKEN": kv2("web/db", "password")])
    let outcome = try await agentWithCredentials.run(
      "exec", try agent.file(document), "--", "sh", "-c", "printf %s \"$VAULT_TOKEN\"")
    #expect(outcome.outputText == "correct horse battery staple", outcome.said)
  }

  @Test(arguments: [("my-key", Status.invalidDocument), ("LD_PRELOAD", Status.denied)], [[], ["--watch"]])
  func aNameThatNoEnvironmentShouldHaveIsRefusedBeforeTheFirstPacket(
    name: (name: String, status: Int32), options: [String]
  ) async throws {
    let secret = kv2("web/db", "password")
    let document: JSON = [
      "secret_providers": ["vault": vault(fakes.address)], "secrets": .object([(name.name, secret)]),
    ]
    let outcome = try await agent.run(["exec"] + options + [try agent.file(document), "--", "echo", "started"])
    outcome.expectFailure(name.status, saying: "secrets.\(name.name)")
    #expect(try await fakes.requests() == [])
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
