import Foundation
import ProviderFakes
import SecretBytes
import TestSupport
import Testing

/// Whatever is printed besides the asked-for output holds no seeded value and no credential.
@Suite(.timeLimit(.minutes(15))) struct NothingLeaks {
  private static let secretID = "leaky-secret-id-77"
  private static let wrongID = "leaky-wrong-id-88"
  private static let value = "leaky value of the password"
  /// Values, credentials and tokens, and the forms in which they could hide.
  private static let words: [String] =
    [secretID, wrongID, value, "second line of it", "4711081547110815"].flatMap {
      [$0, Data($0.utf8).base64EncodedString(), $0.replacingOccurrences(of: " ", with: "%20")]
    } + ["hvs.fake-", "X-Vault-Token:"]

  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes(seed: [
      "vault": [
        "secrets": [
          [
            "mount": "secret", "path": "web/db",
            "data": [
              "password": .string(Self.value), "lines": "first\nsecond line of it",
              "number": .literal("4711081547110815"),
            ],
          ],
          ["mount": "secret", "path": "closed", "data": ["password": .string(Self.value)]],
        ],
        "approles": [
          [
            "role_id": "demo-web-role", "secret_id": .string(Self.secretID), "allowed": ["secret/data/web/"],
          ]
        ],
      ]
    ])
    agent = try Agent()
  }

  private func document(secretID: String = secretID, _ secrets: KeyValuePairs<String, JSON>) throws -> String {
    let auth: JSON = ["method": "approle", "role_id": "demo-web-role", "secret_id": .string(secretID)]
    return try agent.file(jobSpec(vault(fakes.address, auth: auth), secrets))
  }

  private func expectClean(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
    for word in Self.words {
      #expect(
        !outcome.outputText.contains(word) && !outcome.errorText.contains(word), "\(word) is in \(outcome.said)",
        sourceLocation: sourceLocation)
    }
  }

  private static let logs = [["--log-level", "trace"], ["--log-level", "trace", "--log-format", "json"]]

  @Test(arguments: logs) func aResolveThatWorks(log: [String]) async throws {
    let file = try document([
      "PASSWORD": kv2("web/db", "password"), "NUMBER": kv2("web/db", "number"),
      "ENCODED": kv2("web/db", "password").with([("encoding", "base64")]),
    ])
    let outcome = try await agent.run(["resolve", file, "--output", agent.folder.file("env").path] + log)
    #expect(outcome.status == Status.done, outcome.said)
    #expect(!outcome.errorText.isEmpty)
    expectClean(outcome)
    #expect(try agent.folder.text(of: "env").contains(Self.value))
  }

  @Test(arguments: logs) func aPipedRunThatWritesAFile(log: [String]) async throws {
    let file = try document(["PASSWORD": kv2("web/db", "password")])
    let outcome = try await agent.shell(
      #""$@" 2>&1 | cat"#, ["resolve", file, "--output", agent.folder.file("env").path] + log)
    #expect(outcome.outputText.contains("call"), outcome.said)
    expectClean(outcome)
  }

  @Test(arguments: logs) func missingFieldsPathsAndRights(log: [String]) async throws {
    let file = try document([
      "GOOD": kv2("web/db", "password"), "NO_FIELD": kv2("web/db", "pasword"), "DEEPER": kv2("web/db", "password.x"),
      "NO_PATH": kv2("web/nowhere", "password"), "CLOSED": kv2("closed", "password"),
    ])
    let outcome = try await agent.run(["resolve", file, "--output", "-"] + log)
    #expect(outcome.status == Status.denied, outcome.said)
    expectClean(outcome)
  }

  @Test(arguments: logs) func aWrongPassword(log: [String]) async throws {
    let file = try document(secretID: Self.wrongID, ["PASSWORD": kv2("web/db", "password")])
    let outcome = try await agent.run(["resolve", file, "--output", "-"] + log)
    #expect(outcome.status == Status.denied, outcome.said)
    expectClean(outcome)
  }

  @Test(arguments: ["html", "malformed_json", "truncated", "garbage"]) func anAnswerThatIsNone(fault: String)
    async throws
  {
    try await fakes.add(fault, on: "GET /v1/secret/*")
    let file = try document(["PASSWORD": kv2("web/db", "password")])
    let outcome = try await agent.run("resolve", file, "--output", "-", "--log-level", "trace")
    #expect(outcome.status == Status.unavailable, outcome.said)
    expectClean(outcome)
  }

  @Test(arguments: logs) func aValueThatTheFileCannotCarry(log: [String]) async throws {
    let file = try document(["LINES": kv2("web/db", "lines"), "PASSWORD": kv2("web/db", "password")])
    let outcome = try await agent.run(
      ["resolve", file, "--format", "docker", "--output", agent.folder.file("env").path] + log)
    #expect(outcome.status == Status.cannotWrite, outcome.said)
    #expect(outcome.errorText.contains("LINES"), outcome.said)
    #expect(!agent.folder.exists("env"))
    expectClean(outcome)
  }

  /// What a program of another user could see while a child runs, and what the child is told.
  @Test(arguments: logs) func theAgentsOwnArgumentsAndEnvironment(log: [String]) async throws {
    let file = try document(["PASSWORD": kv2("web/db", "password")])
    let look = "tr '\\0' '\\n' < /proc/$PPID/cmdline; tr '\\0' '\\n' < /proc/$PPID/environ; true"
    let outcome = try await agent.run(["exec", file] + log + ["--", "sh", "-c", look])
    #expect(outcome.status == Status.done && outcome.outputText.contains("exec"), outcome.said)
    expectClean(outcome)
  }

  @Test(arguments: ["check", "explain"]) func aDocumentWhoseCredentialsStandAtTheWrongPlace(command: String)
    async throws
  {
    let auth: JSON = [
      "method": "approle", "role_id": ["x": .string(Self.secretID)], "secret_id": [.string(Self.secretID)],
      "password": .string(Self.secretID), "secret_id_file": .string(Self.secretID),
    ]
    let file = try agent.file(jobSpec(vault(fakes.address, auth: auth), ["A": kv2("web/db", "password")]))
    let outcome = try await agent.run(command, file)
    #expect(outcome.status == Status.invalidDocument, outcome.said)
    expectClean(outcome)
  }

  /// A server, or what stands before it, that repeats in its error what it was sent.
  @Test(arguments: [400, 401, 403, 404, 429, 500, 503]) func aServerThatEchoes(status: Int) async throws {
    let echo = try await FakeServer.start { request in
      let sent = [request.headers["x-vault-token"] ?? "", request.body].joined(separator: " ")
        .replacingOccurrences(of: "\"", with: "'")
      return request.path.hasSuffix("/login") && status != 400
        ? .json(200, #"{"auth":{"client_token":"hvs.fake-echo","lease_duration":60,"renewable":false}}"#)
        : .json(status, #"{"errors":["refused: \#(sent)"]}"#)
    }
    let auth: JSON = ["method": "approle", "role_id": "demo-web-role", "secret_id": .string(Self.secretID)]
    let file = try agent.file(
      jobSpec(vault("http://127.0.0.1:\(echo.port)", auth: auth), ["A": kv2("web/db", "password")]))
    let outcome = try await agent.run("resolve", file, "--output", "-", "--log-level", "trace", "--timeout", "3s")
    #expect(outcome.status != Status.done, outcome.said)
    expectClean(outcome)
    await echo.stop()
  }

  /// 5xx answers of a login are told in the server's own words, which may hold what it was sent.
  @Test(arguments: [400, 403, 405, 500, 503]) func aLoginThatEchoes(status: Int) async throws {
    let echo = try await FakeServer.start { request in
      .json(status, #"{"errors":["refused: \#(request.body.replacingOccurrences(of: "\"", with: "'"))"]}"#)
    }
    let auth: JSON = ["method": "approle", "role_id": "demo-web-role", "secret_id": .string(Self.secretID)]
    let file = try agent.file(
      jobSpec(vault("http://127.0.0.1:\(echo.port)", auth: auth), ["A": kv2("web/db", "password")]))
    let outcome = try await agent.run("resolve", file, "--output", "-", "--log-level", "trace", "--timeout", "3s")
    #expect(outcome.status != Status.done, outcome.said)
    expectClean(outcome)
    await echo.stop()
  }
}
