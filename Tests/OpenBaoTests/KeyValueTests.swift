import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// Reads from KV engines of both versions.
  @Suite struct KeyValueReads {
    private let bao: OpenBaoServer

    init() async throws { bao = try await OpenBaoServer.shared() }

    private func document(reading mount: String, _ secrets: KeyValuePairs<String, JSON>) async throws -> JobDocument {
      let role = try await bao.makeAppRole(reading: ["\(mount)/*"])
      return JobDocument(bao.address, auth: role.auth, secrets: secrets)
    }

    @Test func versionOne() async throws {
      let mount = try await bao.makeEngine(version: 1)
      try await bao.root.write("\(mount)/mail/relay", ["user": "postmaster", "password": "p@ss"])
      let document = try await document(
        reading: mount, ["USER": kv1(mount, "mail/relay", "user"), "PASSWORD": kv1(mount, "mail/relay", "password")])
      try await SecretsAgent().expect(document, gives: ["USER": "postmaster", "PASSWORD": "p@ss"])
    }

    /// A KV v1 engine keeps numbers as they were written; KV v2 of OpenBao 2.7 stores them as doubles.
    @Test func numbersComeAsTheStoreSentThem() async throws {
      let mount = try await bao.makeEngine(version: 1)
      try await bao.root.write(
        "\(mount)/numbers",
        [
          "rate": .literal("1.0"), "big": .literal("12345678901234567890"), "tiny": .literal("1e-7"), "on": true,
          "none": .literal("null"),
        ])
      let document = try await document(
        reading: mount,
        [
          "RATE": kv1(mount, "numbers", "rate"), "BIG": kv1(mount, "numbers", "big"),
          "TINY": kv1(mount, "numbers", "tiny"), "ON": kv1(mount, "numbers", "on"),
          "NONE": kv1(mount, "numbers", "none"),
        ])
      try await SecretsAgent().expect(
        document,
        gives: ["RATE": "1.0", "BIG": "12345678901234567890", "TINY": "1e-7", "ON": "true", "NONE": "null"])
    }

    @Test func theVersionBeforeIsDeliveredAlong() async throws {
      let mount = try await bao.makeKV2([("db", ["password": "one"])])
      let before: [(String, JSON)] = [("previous", true)]
      let document = try await document(
        reading: mount,
        [
          "PASSWORD": kv2(mount, "db", "password").with(before),
          "PINNED": kv2(mount, "db", "password", version: 1).with(before), "PLAIN": kv2(mount, "db", "password"),
        ])
      try await SecretsAgent().expect(document, gives: ["PASSWORD": "one", "PINNED": "one", "PLAIN": "one"])
      try await bao.root.write("\(mount)/data/db", ["data": ["password": "two"]])
      try await bao.root.write("\(mount)/data/db", ["data": ["password": "three"]])
      try await SecretsAgent().expect(
        document, gives: ["PASSWORD": "three", "PASSWORD_PREVIOUS": "two", "PINNED": "one", "PLAIN": "three"])
      try await bao.root.write("\(mount)/delete/db", ["versions": [2]])
      try await SecretsAgent().expect(document, gives: ["PASSWORD": "three", "PINNED": "one", "PLAIN": "three"])
    }

    @Test func versionTwoWithNestedFields() async throws {
      let mount = try await bao.makeKV2([
        ("api", ["limits": ["burst": [10, 20], "name": "gold"], "limits.name": "literal", "text": "Grüße\n\"日本\""])
      ])
      let document = try await document(
        reading: mount,
        [
          "LITERAL_KEY_WINS": kv2(mount, "api", "limits.name"), "POINTER": kv2(mount, "api", "/limits/burst/1"),
          "OBJECT": kv2(mount, "api", "/limits/burst"), "TEXT": kv2(mount, "api", "text"),
        ])
      try await SecretsAgent().expect(
        document,
        gives: [
          "LITERAL_KEY_WINS": "literal", "POINTER": "20", "OBJECT": "[10,20]", "TEXT": "Grüße\n\"日本\"",
        ])
    }

    @Test func encodingIsAppliedLast() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "abc"])])
      let document = try await document(
        reading: mount, ["WORD": kv2(mount, "db", "word").with([("encoding", "base64")])])
      try await SecretsAgent().expect(document, gives: ["WORD": "YWJj"])
    }

    @Test func pinnedVersionsAndTheLatest() async throws {
      let mount = try await bao.makeKV2([
        ("db", ["word": "first"]), ("db", ["word": "second"]), ("db", ["word": "third"]),
      ])
      let document = try await document(
        reading: mount,
        [
          "FIRST": kv2(mount, "db", "word", version: 1), "SECOND": kv2(mount, "db", "word", version: 2),
          "LATEST": kv2(mount, "db", "word"),
        ])
      try await SecretsAgent().expect(document, gives: ["FIRST": "first", "SECOND": "second", "LATEST": "third"])
    }

    @Test func aDeletedVersionIsCalledDeleted() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"]), ("db", ["word": "second"])])
      try await bao.root.write("\(mount)/delete/db", ["versions": [1]])
      let document = try await document(reading: mount, ["WORD": kv2(mount, "db", "word", version: 1)])
      try await SecretsAgent().expect(
        document, failsWith: Status.unavailable, saying: "WORD", "\(mount)/data/db", "404", "deleted")
    }

    @Test func aDeletedLatestVersionIsCalledDeleted() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"])])
      try await bao.root.call("DELETE", "\(mount)/data/db")
      let document = try await document(reading: mount, ["WORD": kv2(mount, "db", "word")])
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "WORD", "deleted")
    }

    @Test func aDestroyedVersionIsCalledDestroyed() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"]), ("db", ["word": "second"])])
      try await bao.root.write("\(mount)/destroy/db", ["versions": [1]])
      let document = try await document(reading: mount, ["WORD": kv2(mount, "db", "word", version: 1)])
      try await SecretsAgent().expect(
        document, failsWith: Status.unavailable, saying: "WORD", "\(mount)/data/db", "404", "destroyed")
    }

    @Test func aVersionThatNeverWasIsNotThere() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"])])
      let document = try await document(reading: mount, ["WORD": kv2(mount, "db", "word", version: 9)])
      try await SecretsAgent().expect(
        document, failsWith: Status.unavailable, saying: "WORD", "\(mount)/data/db", "404")
    }

    /// OpenBao warns of it in the body of its 404.
    @Test func readingVersionTwoAsVersionOneHintsAtEngineVersion() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"])])
      let document = try await document(reading: mount, ["WORD": kv1(mount, "db", "word")])
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "WORD", "engine_version")
    }

    /// Here OpenBao gives nothing to go by: the policy lets `data/` be read, and nothing is there.
    @Test func readingVersionOneAsVersionTwoHintsAtEngineVersion() async throws {
      let mount = try await bao.makeEngine(version: 1)
      try await bao.root.write("\(mount)/db", ["word": "first"])
      let document = try await document(reading: mount, ["WORD": kv2(mount, "db", "word")])
      try await SecretsAgent().expect(
        document, failsWith: Status.unavailable, saying: "WORD", "\(mount)/data/db", "404", "engine_version")
    }

    @Test func whatIsNotThereIsNamed() async throws {
      let mount = try await bao.makeKV2([])
      let document = try await document(reading: mount, ["WORD": kv2(mount, "no/such/path", "word")])
      try await SecretsAgent().expect(
        document, failsWith: Status.unavailable, saying: "WORD", "\(mount)/data/no/such/path", "404")
    }

    @Test func aMissingFieldListsTheNamesThatAreThere() async throws {
      let mount = try await bao.makeKV2([("db", ["username": "never-shown-1", "password": "never-shown-2"])])
      let document = try await document(reading: mount, ["WORD": kv2(mount, "db", "passwrd")])
      let outcome = try await SecretsAgent().resolve(document)
      #expect(outcome.status == Status.unavailable)
      #expect(
        outcome.hasErrorLine(with: ["WORD", "passwrd", "username", "password"]), Comment(rawValue: outcome.errorText))
      #expect(!outcome.errorText.contains("never-shown"))
    }

    @Test func aPathThatThePolicyForbidsIsADenialThatNamesIt() async throws {
      let mount = try await bao.makeKV2([("open", ["word": "one"]), ("closed", ["word": "two"])])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/open"])
      let document = JobDocument(
        bao.address, auth: role.auth,
        secrets: ["OPEN": kv2(mount, "open", "word"), "CLOSED": kv2(mount, "closed", "word")])
      try await SecretsAgent().expect(
        document, failsWith: Status.denied, saying: "CLOSED", "\(mount)/data/closed", "403")
    }

    @Test func everyFailureIsReportedAndNothingIsWritten() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"])])
      let agent = try SecretsAgent()
      let document = try await document(
        reading: mount,
        [
          "GOOD": kv2(mount, "db", "word"), "NO_FIELD": kv2(mount, "db", "nothing"),
          "NO_PATH": kv2(mount, "nowhere", "word"),
        ])
      try agent.folder.write("as before\n", as: "web.env")
      let outcome = try await agent.run(
        "resolve", try agent.file(document), "--output", agent.folder.file("web.env").path)
      #expect(outcome.status == Status.unavailable)
      #expect(outcome.hasErrorLine(with: ["NO_FIELD"]), Comment(rawValue: outcome.errorText))
      #expect(outcome.hasErrorLine(with: ["NO_PATH"]), Comment(rawValue: outcome.errorText))
      #expect(!outcome.hasErrorLine(with: ["GOOD"]), Comment(rawValue: outcome.errorText))
      #expect(try agent.folder.text(of: "web.env") == "as before\n")
    }

    @Test func errorsAreJSONLinesWhereTheLogIs() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "first"])])
      let document = try await document(
        reading: mount, ["NO_FIELD": kv2(mount, "db", "nothing"), "NO_PATH": kv2(mount, "nowhere", "word")])
      let outcome = try await SecretsAgent().resolve(document, "--log-format", "json")
      #expect(outcome.status == Status.unavailable)
      let lines = outcome.errorText.split(separator: "\n")
      #expect(lines.count == 2, Comment(rawValue: outcome.errorText))
      for line in lines {
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object != nil, Comment(rawValue: String(line)))
      }
      #expect(outcome.hasErrorLine(with: ["NO_FIELD"]))
      #expect(outcome.hasErrorLine(with: ["NO_PATH"]))
    }
  }
}
