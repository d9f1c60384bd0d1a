import Foundation
import Glibc
import Testing

extension OpenBaoTests {
  /// `exec DOC -- CMD`: the values in a child's environment, and nowhere else.
  @Suite struct Exec {
    private let agent: SecretsAgent
    private let file: String
    private let role: AppRole
    private let bao: OpenBaoServer

    init() async throws {
      bao = try await OpenBaoServer.shared()
      agent = try SecretsAgent(["INHERITED": "from outside"])
      let mount = try await bao.makeKV2([("db", ["word": "it's a \"word\"\nof two lines", "empty": ""])])
      role = try await bao.makeAppRole(reading: ["\(mount)/data/db"])
      file = try agent.file(
        JobDocument(
          bao.address, auth: role.auth, secrets: ["WORD": kv2(mount, "db", "word"), "EMPTY": kv2(mount, "db", "empty")])
      )
    }

    @Test func theChildHasTheValuesAndWhatItInherits() async throws {
      let outcome = try await agent.run("exec", file, "--", "env", "-0")
      #expect(outcome.status == 0, Comment(rawValue: outcome.errorText))
      let variables = Set(outcome.outputText.split(separator: "\0").map(String.init))
      #expect(variables.contains("WORD=it's a \"word\"\nof two lines"))
      #expect(variables.contains("EMPTY="))
      #expect(variables.contains("INHERITED=from outside"))
    }

    @Test func argumentsPassUnchanged() async throws {
      let outcome = try await agent.run("exec", file, "--", "printf", "%s|", "--format", "a b", "$WORD", "")
      #expect(outcome.outputText == "--format|a b|$WORD||")
    }

    @Test func standardInputIsTheChilds() async throws {
      let outcome = try await agent.run("exec", file, "--", "cat", input: "typed in")
      #expect(outcome.outputText == "typed in")
    }

    @Test(arguments: [0, 1, 7, 69, 255]) func theChildsExitStatusIsTheAgents(status: Int32) async throws {
      let outcome = try await agent.run("exec", file, "--", "sh", "-c", "exit \(status)")
      #expect(outcome.status == status)
    }

    @Test func aChildThatASignalEndedGives128AndItsNumber() async throws {
      let outcome = try await agent.run("exec", file, "--", "sh", "-c", "kill -KILL $$")
      #expect(outcome.status == 128 + SIGKILL)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1]) func signalsReachTheChild(signal: Int32) async throws {
      let script = "trap 'exit 42' \(signal); echo ready; while :; do sleep 0.02; done"
      let child = try agent.start(["exec", file, "--", "sh", "-c", script])
      #expect(try await child.printed("ready"))
      child.send(signal)
      #expect(try await child.outcome().status == 42)
    }

    @Test func nothingIsLeftOnDisk() async throws {
      let outcome = try await agent.run("exec", file, "--", "sh", "-c", "grep -rl 'of two lines' \"$HOME\" || true")
      #expect(outcome.status == 0)
      #expect(outcome.outputText == "")
    }

    @Test func aFailedResolveStartsNoChild() async throws {
      let broken = try agent.file(
        JobDocument(bao.address, auth: role.auth, secrets: ["WORD": kv2("secret", "not/for/this/role", "word")]))
      let outcome = try await agent.run("exec", broken, "--", "sh", "-c", "echo started")
      #expect(outcome.status == Status.denied)
      #expect(outcome.outputText == "")
    }

    @Test func aCommandThatIsNotThereIsNamed() async throws {
      let outcome = try await agent.run("exec", file, "--", "no-such-command-here")
      // As a shell has it.
      #expect(outcome.status == 127)
      #expect(outcome.hasErrorLine(with: ["no-such-command-here"]), Comment(rawValue: outcome.errorText))
    }
  }
}
