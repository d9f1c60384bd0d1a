import TestSupport
import Testing

/// `check` and `explain`: everything that can be told of a document without a packet.
@Suite(.timeLimit(.minutes(15))) struct CheckAndExplain {
  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes()
    agent = try Agent()
  }

  /// Seven faults of seven kinds, each with the path that it is reported at.
  private static let paths = [
    "secret_providers.misspelt.provider", "secret_providers.homeless.address", "secret_providers.locked.auth.method",
    "secrets.ORPHAN.from", "secrets.STRANGER.from", "secrets.IMPATIENT.refresh", "secrets.MODERN.engine_version",
  ]

  private var faulty: JSON {
    let approle: JSON = ["method": "approle", "role_id": "r", "secret_id": "s"]
    return [
      "secret_providers": [
        "vault": vault(fakes.address),
        "misspelt": ["provider": "hashicorp_valt", "address": .string(fakes.address), "auth": approle],
        "homeless": ["provider": "hashicorp_vault", "auth": approle],
        "locked": ["provider": "hashicorp_vault", "address": .string(fakes.address), "auth": ["method": "approl"]],
      ],
      "secrets": [
        "ORPHAN": ["mount": "secret", "secret_path": "web/db", "field": "password"],
        "STRANGER": kv2("web/db", "password").with([("from", "vualt")]),
        "IMPATIENT": kv2("web/db", "password").with([("refresh", "soon")]),
        "MODERN": kv2("web/db", "password").with([("engine_version", 3)]),
        "GOOD": kv2("web/db", "password"),
      ],
    ]
  }

  @Test(arguments: ["check", "explain", "resolve", "exec"]) func sevenFaultsAreToldAtOnce(command: String) async throws
  {
    let more = ["resolve": ["--output", "-"], "exec": ["--", "echo", "started"]][command] ?? []
    let outcome = try await agent.run([command, try agent.file(faulty)] + more)
    #expect(outcome.status == Status.invalidDocument)
    #expect(outcome.outputText == "")
    #expect(outcome.faults.count == 7, outcome.said)
    for path in Self.paths {
      #expect(outcome.faults.count { $0.contains("\(path): ") } == 1, "\(path): \(outcome.errorText)")
    }
    #expect(try await fakes.requests() == [])
  }

  @Test func misspeltWordsAreAnsweredByTheRightOnes() async throws {
    let outcome = try await agent.run("check", try agent.file(faulty))
    for word in ["hashicorp_vault", "approle", "vault"] {
      #expect(outcome.faults.contains { $0.contains("did you mean \"\(word)\"?") }, "\(word): \(outcome.errorText)")
    }
  }

  @Test func faultsAreObjectsForMachines() async throws {
    let outcome = try await agent.run("check", try agent.file(faulty), "--log-format", "json")
    let lines = outcome.errorLines.compactMap { flatStrings(.init($0.utf8)) }
    #expect(lines.count == outcome.errorLines.count, outcome.said)
    #expect(Set(lines.compactMap { $0["path"] }) == Set(Self.paths), outcome.said)
    #expect(lines.allSatisfy { $0["level"] == "error" && $0["message"] != nil && $0["time"] != nil }, outcome.said)
  }

  @Test func anUnknownKeyIsAWarningUnlessStrict() async throws {
    let file = try agent.file(
      jobSpec(vault(fakes.address), ["PASSWORD": kv2("web/db", "password").with([("sekret_path", "x")])]))
    let lenient = try await agent.run("check", file)
    #expect(lenient.status == Status.done, lenient.said)
    #expect(lenient.errorLines.count == 1 && lenient.errorText.hasPrefix("warning: "), lenient.said)
    #expect(lenient.errorText.contains("sekret_path") && lenient.errorText.contains("secret_path"), lenient.said)
    let strict = try await agent.run("check", "--strict", file)
    strict.expectFailure(Status.invalidDocument, saying: "secrets.PASSWORD", "sekret_path")
    #expect(try await fakes.requests() == [])
  }

  @Test(arguments: ["{", "[1, 2", "{\"secrets\": \u{1}}", "\u{0}", "a: [b", "", "nonsense"])
  func whatIsNoDocumentIsToldInOneLine(text: String) async throws {
    let outcome = try await agent.run("check", "-", input: text)
    #expect(outcome.status == Status.invalidDocument, outcome.said)
    #expect(outcome.faults.count == 1, outcome.said)
  }

  /// Texts that would eat memory or the stack of a careless reader.
  @Test(arguments: [
    String(repeating: "[", count: 200_000), String(repeating: "{\"a\":", count: 200_000),
    String(repeating: "- ", count: 200_000),
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
      + (1...30).map { "b\($0): &b\($0) [*\($0 == 1 ? "a" : "b\($0 - 1)"), *\($0 == 1 ? "a" : "b\($0 - 1)")]" }
      .joined(separator: "\n"),
    String(repeating: " ", count: 17 * 1024 * 1024),
  ])
  func aHostileTextIsToldInOneShortLine(text: String) async throws {
    let outcome = try await agent.run("check", "-", input: text)
    #expect(outcome.status == Status.invalidDocument)
    #expect(outcome.faults.count == 1 && outcome.errorText.utf8.count < 500, outcome.said)
  }

  @Test func aDocumentThatIsNotThereIsNamed() async throws {
    let outcome = try await agent.run("check", agent.folder.file("absent.yaml").path)
    outcome.expectFailure(Status.invalidDocument, saying: "absent.yaml", "No such file")
  }

  @Test func checkOnlineShowsVersionsAndNoValues() async throws {
    let outcome = try await agent.run("check", "--online", try agent.file(demo(fakes.address)))
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.outputText.contains("DB_PASSWORD: version 1"), outcome.said)
    #expect(!outcome.outputText.contains("correct horse"))
    #expect(outcome.outputText.contains("vault: logged in by approle"), outcome.said)
  }

  @Test func checkAuthReadsNothing() async throws {
    let outcome = try await agent.run("check", "--auth", try agent.file(demo(fakes.address)))
    #expect(outcome.status == Status.done, outcome.said)
    let requests = try await fakes.requests()
    #expect(requests.contains("POST /v1/auth/approle/login"))
    #expect(!requests.contains { $0.hasPrefix("GET /v1/secret/") })
  }

  @Test func explainShowsThePlanWithoutAPacket() async throws {
    let document = jobSpec(
      vault(fakes.address),
      [
        "USER": kv2("web/db", "username"), "PASSWORD": kv2("web/db", "password").with([("refresh", "15m")]),
        "KEY": kv2("web/api", "key"), "PINNED": kv2("web/api", "key").with([("version", 1)]),
      ])
    let outcome = try await agent.run("explain", try agent.file(document))
    #expect(outcome.status == Status.done, outcome.said)
    let text = outcome.outputText
    #expect(text.contains("4 secrets from 1 connection"), outcome.said)
    #expect(text.contains("login: one, by approle"), outcome.said)
    #expect(text.contains("fetches: 3, by 3 calls"), outcome.said)
    // Both readers of one path stand below the one fetch, at the pace of the faster.
    #expect(
      text.contains("secret/data/web/db, fetched again every 15m\n    USER field username\n    PASSWORD"), outcome.said)
    #expect(text.contains("web/api?version=1, pinned, never fetched again"), outcome.said)
    #expect(text.contains("secret_id: <redacted>") && !text.contains("demo-web-secret-id"), outcome.said)
    #expect(try await fakes.requests() == [])
  }
}
