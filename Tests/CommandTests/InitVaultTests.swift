import Foundation
import TestSupport
import Testing

/// `init vault` against a server that answers what it likes: nothing that it says becomes more than a name in the document.
/// What a real server answers is held by `OpenBaoTests`.
@Suite(.timeLimit(.minutes(15))) struct InitVaultTests {
  private let fakes: Fakes
  private let agent: Agent

  init() throws {
    fakes = try Fakes()
    agent = try Agent(["VAULT_ADDR": fakes.address, "VAULT_TOKEN": "root"])
  }

  private func answer(_ route: String, _ body: JSON) async throws {
    try await fakes.add("reply", ["status": 200, "body": .string(body.text)], on: route)
  }

  /// Lets the server say that the path is served by this engine.
  private func engine(_ data: JSON) async throws {
    try await answer("GET /v1/sys/internal/ui/mounts/*", ["data": data, "lease_id": ""])
  }

  private static let plain: JSON = ["path": "secret/", "type": "kv", "options": ["version": "2"]]

  private func fields(_ data: JSON) async throws {
    try await answer("GET /v1/secret/data/*", ["data": ["data": data, "metadata": ["version": 1]]])
  }

  /// The secrets of the document, by `check`.
  private func expectSecrets(_ count: Int, in document: Outcome, sourceLocation: SourceLocation = #_sourceLocation)
    async throws
  {
    #expect(document.status == Status.done && document.errorText == "", document.said, sourceLocation: sourceLocation)
    let checked = try await agent.run("check", "--strict", "-", input: document.outputText)
    #expect(checked.status == Status.done, checked.said, sourceLocation: sourceLocation)
    #expect(
      checked.outputText.contains("in \(count) secret\(count == 1 ? "" : "s"), 1 provider"), checked.said,
      sourceLocation: sourceLocation)
  }

  @Test(
    arguments: [
      "a: b", "x\" , from: other", "- a", "#", "&a", "*a", "!!str", "null", "NULL", "~", "1e3", "\u{85}", "\u{2028}",
      "\u{fffe}",
      "🔑", "%", "@", "`", "{", "a]", "'", "\\", " ", "a ", " a", "a:",
    ])
  func aFieldIsNeverMoreThanAName(field: String) async throws {
    try await engine(Self.plain)
    try await fields(.object([(key: field, value: JSON.string("never-shown"))]))
    for prefix in [[], ["--prefix", ""]] as [[String]] {
      let outcome = try await agent.run(["init", "vault", "secret/db"] + prefix)
      #expect(!outcome.outputText.contains("never-shown"))
      try await expectSecrets(1, in: outcome)
    }
  }

  private static let unnameable = ["a\nsecret_providers: {}", "x\"\n    from: other", "\u{1}", "\u{7f}", "\0"]

  /// No document can name such a field; the others are written all the same.
  @Test(arguments: unnameable)
  func aFieldThatNoDocumentCanNameIsToldOfAndLeftOut(field: String) async throws {
    try await engine(Self.plain)
    try await fields(.object([(key: field, value: JSON.string("never-shown")), (key: "a", value: JSON.string("x"))]))
    let outcome = try await agent.run("init", "vault", "secret/db")
    #expect(outcome.status == Status.done && outcome.errorLines.count == 1, outcome.said)
    #expect(
      outcome.errorText.hasPrefix("warning: secret/db: ") && outcome.errorText.contains("control characters"),
      outcome.said)
    #expect(!outcome.errorText.contains("line "), outcome.said)
    let checked = try await agent.run("check", "--strict", "-", input: outcome.outputText)
    #expect(checked.outputText.contains("in 1 secret, 1 provider"), checked.said)
  }

  @Test func aSecretWhoseFieldsNoDocumentCanNameIsAFault() async throws {
    try await engine(Self.plain)
    try await fields(.object(Self.unnameable.map { (key: $0, value: JSON.string("never-shown")) }))
    try await agent.run("init", "vault", "secret/db").expectFailure(
      Status.unavailable, saying: "secret/db: ", "control characters")
  }

  @Test func aPathThatIsNamedTwiceIsReadOnce() async throws {
    try await engine(Self.plain)
    try await fields(["a": "x"])
    try await expectSecrets(1, in: try await agent.run("init", "vault", "secret/db", "/secret/db/"))
  }

  @Test func aThousandFieldsAreAThousandEntries() async throws {
    try await engine(Self.plain)
    try await fields(
      .object((0..<1000).map { (key: "field-\($0 % 2 == 0 ? "." : "_")\($0 / 2)", value: JSON.string("x")) }))
    try await expectSecrets(1000, in: try await agent.run("init", "vault", "secret/db"))
  }

  @Test func aFieldWithoutANameIsLeftOut() async throws {
    try await engine(Self.plain)
    try await fields(["": "x", "a": "y"])
    try await expectSecrets(1, in: try await agent.run("init", "vault", "secret/db"))
  }

  @Test(
    arguments: [
      [:], ["path": 5, "type": "kv"], ["path": "secret/"], ["path": "other/", "type": "kv"],
      ["path": "", "type": "kv"],
      ["path": "../sys/", "type": "kv"], ["path": "secret/db", "type": "kv"],
      ["path": "secret/", "type": "database"], ["path": "secret/", "type": "\u{1b}[31m"],
    ] as [JSON])
  func anEngineThatCannotBeIsToldOf(data: JSON) async throws {
    try await engine(data)
    let outcome = try await agent.run("init", "vault", "secret/db")
    outcome.expectFailure(Status.unavailable, saying: "secret/db")
    #expect(!outcome.errorText.contains("\u{1b}"), outcome.said)
    #expect(try await fakes.requests().allSatisfy { $0.hasPrefix("GET /v1/sys/internal/ui/mounts/") })
  }

  @Test func aSecretWithoutFieldsIsToldOf() async throws {
    try await engine(Self.plain)
    try await fields([:])
    try await agent.run("init", "vault", "secret/db").expectFailure(Status.unavailable, saying: "no fields")
  }

  /// What keeps the server from telling is told, and no way out that leads nowhere.
  @Test func aQuestionThatNobodyAnswersIsNotAnsweredByOptions() async throws {
    for (address, token, words, status) in [
      (fakes.address, "no-such-token", "check the token", Status.denied),
      ("http://127.0.0.1:1", "root", "no connection to 127.0.0.1:1", Status.unavailable),
      (fakes.address.replacing("http:", with: "https:"), "root", "perhaps it speaks plain http", Status.unavailable),
      (fakes.host, "root", "VAULT_ADDR", Status.usage), ("not an address", "root", "VAULT_ADDR", Status.usage),
    ] {
      let agent = try Agent(["VAULT_ADDR": address, "VAULT_TOKEN": token])
      let outcome = try await agent.run("init", "vault", "secret/db")
      #expect(outcome.status == status && outcome.output.isEmpty, outcome.said)
      #expect(outcome.errorText.contains(words), outcome.said)
      #expect(!outcome.errorText.contains("--mount") && !outcome.errorText.contains("line "), outcome.said)
    }
    // The address on the command line is named as such.
    let named = try await agent.run("init", "vault", "--address", fakes.host, "secret/db")
    #expect(named.status == Status.usage && named.errorText.contains("--address: "), named.said)
    #expect(named.errorText.contains("as https://vault.example.com:8200"), named.said)
  }

  @Test func whereTheServerKnowsNoEnginesOptionsHelp() async throws {
    try await fakes.add("status", 403, on: "GET /v1/sys/internal/ui/mounts/*")
    let outcome = try await agent.run("init", "vault", "secret/db")
    outcome.expectFailure(Status.denied, saying: "--mount")
  }

  @Test(arguments: ["", "/", "//"]) func aPathOfNothingIsAUsageFault(path: String) async throws {
    let outcome = try await agent.run("init", "vault", path)
    #expect(outcome.status == Status.usage && outcome.output.isEmpty, outcome.said)
    #expect(outcome.errorText.contains("as secret/web/db"), outcome.said)
    #expect(try await fakes.requests().isEmpty)
  }

  @Test(arguments: ["", "/", "..", "secret/../sys/seal", "secret/\u{1}", "//"])
  func aPathThatIsNoneIsRefused(path: String) async throws {
    try await engine(Self.plain)
    let outcome = try await agent.run("init", "vault", path)
    #expect(outcome.status != Status.done && outcome.output.isEmpty, outcome.said)
    #expect(try await fakes.requests().allSatisfy { !$0.contains("sys/seal") })
  }
}
