import Foundation
import TestSupport
import Testing

/// The forms of a document, and what `resolve` makes of each.
@Suite struct Resolve {
  private let fakes: Fakes
  private let agent: Agent
  private let values = [
    "DB_USERNAME": "web", "DB_PASSWORD": "correct horse battery staple", "API_KEY": "demo-api-key-0123456789",
    "API_RATE": "1.0", "SMTP_PASSWORD": "it's a \"demo\" $ecret",
  ]
  private let firstID = "5f0c2d3a-8b1e-4a57-9d0c-6a1f0f1d2b3c"
  private let secondID = "0b6d8f54-2f7e-4f36-8c19-3d1c5f7a9e42"

  init() throws {
    fakes = try Fakes()
    agent = try Agent()
  }

  /// An example of config/examples, pointed at the fakes.
  private func example(_ name: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("config/examples/\(name)"), encoding: .utf8)
    return text.replacingOccurrences(of: "http://127.0.0.1:8200", with: fakes.address)
  }

  private func file(_ name: String) throws -> String { try agent.folder.write(try example(name), as: name) }

  @Test(arguments: ["execution.json", "execution.yaml"])
  func theExampleIsAFlatObjectOfNamesAndValues(name: String) async throws {
    let outcome = try await agent.run("resolve", try file(name), "--format", "json", "--output", "-")
    #expect(outcome.status == Status.done)
    #expect(outcome.values == values)
    #expect(outcome.errorText == "")
  }

  @Test(arguments: ["execution.json", "execution.yaml"])
  func aDocumentComesFromStandardInput(name: String) async throws {
    let outcome = try await agent.run("resolve", "-", "--format", "json", "--output", "-", input: try example(name))
    #expect(outcome.values == values, Comment(rawValue: outcome.errorText))
  }

  @Test func anExecutionOfAListIsChosenByItsID() async throws {
    let list = try file("executions-list.json")
    let first = try await agent.run(
      "resolve", list, "--execution", firstID, "--format", "json", "--output", "-")
    #expect(first.values == values, Comment(rawValue: first.errorText))
    let second = try await agent.run(
      "resolve", list, "--execution", secondID, "--format", "json", "--output", "-")
    #expect(second.values == ["SMTP_PASSWORD": "it's a \"demo\" $ecret"], Comment(rawValue: second.errorText))
  }

  @Test(arguments: [[], ["--execution", "e-of-nobody"]])
  func severalAndNoneChosenListsTheIDs(choice: [String]) async throws {
    let outcome = try await agent.run(
      ["resolve", try file("executions-list.json"), "--format", "json", "--output", "-"] + choice)
    #expect(outcome.status == Status.invalidDocument)
    #expect(outcome.outputText == "")
    #expect(
      outcome.errorText.contains(firstID) && outcome.errorText.contains(secondID), Comment(rawValue: outcome.errorText))
    #expect(try await fakes.requests() == [])
  }

  @Test func anEnvFileIsOnlyItsOwners() async throws {
    let outcome = try await agent.run(
      "resolve", try file("execution.yaml"), "--format", "shell", "--output", agent.folder.file("env").path)
    #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
    #expect(outcome.outputText == "")
    var status = stat()
    #expect(lstat(agent.folder.file("env").path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    let shell = try await Run(
      ["sh", "-c", #". "$1"; printf %s "$SMTP_PASSWORD""#, "sh", agent.folder.file("env").path], environment: [:],
      folder: agent.folder
    ).outcome()
    #expect(shell.outputText == values["SMTP_PASSWORD"])
  }

  /// script(1) runs a command on a terminal of its own.
  @Test(arguments: [false, true], ["-", "/dev/stdout", "/dev/tty", "/proc/self/fd/1"])
  func aTerminalShowsValuesOnlyWhereAsked(_ reveals: Bool, _ output: String) async throws {
    let document = try agent.file(lone(fakes.address))
    let outcome = try await agent.shell(
      #"script --quiet --return --command "$*" /dev/null </dev/null"#,
      ["resolve", document, "--output", output] + (reveals ? ["--reveal"] : []))
    #expect(outcome.status == (reveals ? Status.done : Status.usage), outcome.said)
    #expect(outcome.outputText.contains("correct horse") == reveals, outcome.said)
    #expect(outcome.outputText.contains("add --reveal") != reveals, outcome.said)
  }

  @Test func filesHoldTheExactBytes() async throws {
    let outcome = try await agent.run(
      "resolve", try file("execution.json"), "--files", agent.folder.file("secrets").path)
    #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
    for (name, value) in values {
      #expect(try agent.folder.text(of: "secrets/\(name)") == value)
    }
  }

  // MARK: - Calls

  @Test func aThousandSecretsTakeOneLogin() async throws {
    let seeded = try Fakes(seed: Self.seed(paths: 1000))
    let secrets = (0..<1000).map { (key: "S_\($0)", value: kv2("p/\($0)", "f0")) }
    let outcome = try await agent.resolve(
      ["secret_providers": ["vault": vault(seeded.address)], "secrets": .object(secrets)])
    #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
    #expect(outcome.values?.count == 1000)
    #expect(outcome.values?["S_999"] == "v999-0")
    let requests = try await seeded.requests()
    #expect(requests.count { $0.hasSuffix("/login") } == 1)
    #expect(requests.count { $0.hasPrefix("GET ") } == 1000)
  }

  @Test func entriesOfOnePathShareAFetch() async throws {
    let seeded = try Fakes(seed: Self.seed(paths: 10))
    let secrets = (0..<100).map { (key: "S_\($0)", value: kv2("p/\($0 % 10)", "f\($0 / 10)")) }
    let outcome = try await agent.resolve(
      ["secret_providers": ["vault": vault(seeded.address)], "secrets": .object(secrets)])
    #expect(outcome.values?.count == 100, Comment(rawValue: outcome.errorText))
    #expect(outcome.values?["S_57"] == "v7-5")
    #expect(try await seeded.requests().count { $0.hasPrefix("GET ") } == 10)
  }

  private static func seed(paths: Int) -> JSON {
    let secrets = (0..<paths).map { path -> JSON in
      let data = (0..<10).map { (key: "f\($0)", value: JSON.string("v\(path)-\($0)")) }
      return ["mount": "secret", "path": .string("p/\(path)"), "data": .object(data)]
    }
    return [
      "vault": [
        "secrets": .array(secrets), "approles": [["role_id": "demo-web-role", "secret_id": "demo-web-secret-id"]],
      ]
    ]
  }
}
