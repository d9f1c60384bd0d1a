import Foundation
import Testing

extension OpenBaoTests {
  /// Whatever is printed besides the asked-for output holds no value and no credential.
  @Suite struct NothingLeaks {
    private let agent: SecretsAgent
    private let file: String
    private let failing: String
    private let secretWords: [String]

    init() async throws {
      let bao = try await OpenBaoServer.shared()
      agent = try SecretsAgent()
      let mount = try await bao.makeKV2([
        (
          "db",
          [
            "password": "seeded-value-one", "nested": ["deep": "seeded-value-two"],
            "number": .literal("4711471147114711"),
          ]
        )
      ])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/*"])
      var document = JobDocument(
        bao.address, auth: role.auth,
        secrets: [
          "PASSWORD": kv2(mount, "db", "password"), "NESTED": kv2(mount, "db", "nested"),
          "DEEP": kv2(mount, "db", "nested.deep"), "NUMBER": kv2(mount, "db", "number"),
          "ENCODED": kv2(mount, "db", "password").with([("encoding", "base64")]),
        ])
      file = try agent.file(document)
      document.secrets += [
        ("NO_FIELD", kv2(mount, "db", "nested.nothing")), ("NO_PATH", kv2(mount, "nowhere", "word")),
      ]
      failing = try agent.file(document)
      secretWords = [
        "seeded-value", "4711471147114711", Data("seeded-value-one".utf8).base64EncodedString(), role.secretID,
        // How OpenBao's service tokens begin.
        " s.", "\"s.", "=s.",
      ]
    }

    private func expectClean(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      for word in secretWords {
        #expect(!text.contains(word), Comment(rawValue: text), sourceLocation: sourceLocation)
      }
    }

    @Test(arguments: ["text", "json"]) func aDebugLogOfAResolve(format: String) async throws {
      let outcome = try await agent.run(
        "resolve", file, "--output", agent.folder.file("web.env").path, "--log-level", "debug", "--log-format", format)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      #expect(!outcome.errorText.isEmpty)
      expectClean(outcome.errorText)
      expectClean(outcome.outputText)
      #expect(try agent.folder.text(of: "web.env").contains("seeded-value-one"))
    }

    @Test func aDebugLogBesideAPipe() async throws {
      let piped = try ChildProcess(
        "sh", ["-c", "\"$1\" resolve \"$2\" --output - --log-level debug | cat", "sh", SecretsAgent.executable, file],
        environment: [
          "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": agent.folder.path,
        ],
        folder: agent.folder)
      let outcome = try await piped.outcome()
      #expect(outcome.outputText.contains("seeded-value-one"))
      expectClean(outcome.errorText)
    }

    @Test(arguments: ["text", "json"]) func aDebugLogOfAFailure(format: String) async throws {
      let outcome = try await agent.run(
        "resolve", failing, "--output", "-", "--log-level", "debug", "--log-format", format)
      #expect(outcome.status == Status.unavailable, Comment(rawValue: outcome.errorText))
      expectClean(outcome.errorText)
      #expect(outcome.output.isEmpty)
    }

    /// What a program of another user could see while the child runs.
    @Test func theAgentsOwnArgumentsAndEnvironment() async throws {
      let look = "tr '\\0' '\\n' < /proc/$PPID/cmdline; tr '\\0' '\\n' < /proc/$PPID/environ; true"
      let outcome = try await agent.run("exec", file, "--", "sh", "-c", look)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      expectClean(outcome.outputText)
    }

    @Test func explainAndCheck() async throws {
      for command in [["explain", file], ["check", file], ["check", failing, "--online"]] {
        let outcome = try await agent.start(command + ["--log-level", "debug"]).outcome()
        expectClean(outcome.outputText)
        expectClean(outcome.errorText)
      }
    }
  }
}
