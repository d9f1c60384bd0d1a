import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// The forms that a document comes in, and the examples in `config/examples`.
  @Suite struct DocumentForms {
    private static let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("config/examples")

    /// What the examples resolve to. KV v2 of OpenBao 2.7 stores 1.0 as the double that prints as 1.
    private static let expected = [
      "DB_USERNAME": "web", "DB_PASSWORD": "correct horse battery staple", "API_KEY": "demo-api-key-0123456789",
      "API_RATE": "1", "SMTP_PASSWORD": "it's a \"demo\" $ecret",
    ]

    private let bao: OpenBaoServer
    private let agent: SecretsAgent

    init() async throws {
      bao = try await OpenBaoServer.shared()
      agent = try SecretsAgent()
    }

    /// The example with the shared server's address in place of the usual one.
    private func example(_ name: String) throws -> String {
      let text = try String(contentsOf: Self.examples.appendingPathComponent(name), encoding: .utf8)
      let pointed = text.replacingOccurrences(of: "http://127.0.0.1:8200", with: bao.address)
      #expect(pointed != text)
      return pointed
    }

    private func expectExpected(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText), sourceLocation: sourceLocation)
      #expect(flatStrings(outcome.output) == Self.expected, sourceLocation: sourceLocation)
      // Nobody looks at a terminal here: no progress, no warning about a sound document.
      #expect(outcome.errorText == "", sourceLocation: sourceLocation)
    }

    @Test(arguments: ["execution.json", "execution.yaml"]) func examplesResolve(name: String) async throws {
      let file = try agent.folder.write(try example(name), as: name)
      expectExpected(try await agent.run("resolve", file, "--format", "json", "--output", "-"))
    }

    @Test(arguments: ["execution.json", "execution.yaml"]) func standardInputServesAsWell(name: String) async throws {
      expectExpected(
        try await agent.run("resolve", "-", "--format", "json", "--output", "-", input: try example(name)))
    }

    @Test func oneExecutionOfAListIsChosen() async throws {
      let file = try agent.folder.write(try example("executions-list.json"), as: "list.json")
      expectExpected(
        try await agent.run(
          "resolve", file, "--execution", "5f0c2d3a-8b1e-4a57-9d0c-6a1f0f1d2b3c", "--format", "json", "--output", "-")
      )
    }

    @Test func noneChosenOfSeveralIsAnErrorThatListsThem() async throws {
      let file = try agent.folder.write(try example("executions-list.json"), as: "list.json")
      let outcome = try await agent.run("resolve", file, "--format", "json", "--output", "-")
      #expect(outcome.status == Status.usage || outcome.status == Status.invalidDocument)
      #expect(outcome.output.isEmpty)
      #expect(outcome.errorText.contains("5f0c2d3a-8b1e-4a57-9d0c-6a1f0f1d2b3c"))
      #expect(outcome.errorText.contains("0b6d8f54-2f7e-4f36-8c19-3d1c5f7a9e42"))
    }

    @Test func aListOfOneNeedsNoChoice() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "alone"])])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/db"])
      let document = JobDocument(bao.address, auth: role.auth, secrets: ["WORD": kv2(mount, "db", "word")])
      let list: JSON = ["items": [document.execution(id: "only-one")], "next_token": ""]
      let file = try agent.folder.write(list.text, as: "list.json")
      let outcome = try await agent.run("resolve", file, "--format", "json", "--output", "-")
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      #expect(flatStrings(outcome.output) == ["WORD": "alone"])
    }

    @Test func anExecutionThatIsNotInTheListIsAnError() async throws {
      let file = try agent.folder.write(try example("executions-list.json"), as: "list.json")
      let outcome = try await agent.run("resolve", file, "--execution", "e-unknown", "--output", "-")
      #expect(outcome.status != Status.done)
      #expect(outcome.output.isEmpty)
      #expect(outcome.hasErrorLine(with: ["e-unknown"]), Comment(rawValue: outcome.errorText))
    }

    @Test func aBareJobSpecAndTheExecutionAroundItGiveTheSame() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "same"])])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/db"])
      let document = JobDocument(bao.address, auth: role.auth, secrets: ["WORD": kv2(mount, "db", "word")])
      for form in [document.jobSpec, document.execution(id: "e-1")] {
        let outcome = try await agent.run("resolve", "-", "--format", "json", "--output", "-", input: form.text)
        #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
        #expect(flatStrings(outcome.output) == ["WORD": "same"])
      }
    }
  }
}
