import TestSupport
import Testing

extension OpenBaoTests {
  /// Tokens that somebody else made: the methods `static` and `file`.
  @Suite struct GivenTokens {
    private struct Fixture {
      let bao: OpenBaoServer
      let mount: String
      let token: String

      init() async throws {
        bao = try await OpenBaoServer.shared()
        mount = try await bao.makeKV2([("db", ["word": "hocus pocus"])])
        token = try await bao.makeToken(reading: ["\(mount)/data/db"], settings: ["ttl": "1h"])
      }

      func document(_ auth: JSON) -> JobDocument {
        JobDocument(bao.address, auth: auth, secrets: ["WORD": kv2(mount, "db", "word")])
      }
    }

    @Test func staticTakesATokenByValue() async throws {
      let fixture = try await Fixture()
      let auth: JSON = ["method": "static", "token": .string(fixture.token)]
      try await SecretsAgent().expect(fixture.document(auth), gives: ["WORD": "hocus pocus"])
    }

    @Test func staticTakesATokenFromTheEnvironment() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent(["MY_TOKEN": fixture.token])
      try await agent.expect(
        fixture.document(["method": "static", "token_env": "MY_TOKEN"]), gives: ["WORD": "hocus pocus"])
    }

    @Test func staticTakesATokenFromAFile() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let file = try agent.folder.write(fixture.token + "\n", as: "token")
      try await agent.expect(
        fixture.document(["method": "static", "token_file": .string(file)]), gives: ["WORD": "hocus pocus"])
    }

    @Test func fileReadsTheTokenThatASinkWrote() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let file = try agent.folder.write(fixture.token, as: "sink")
      try await agent.expect(
        fixture.document(["method": "file", "path": .string(file)]), gives: ["WORD": "hocus pocus"])
    }

    @Test func aBatchTokenServes() async throws {
      let fixture = try await Fixture()
      let token = try await fixture.bao.makeToken(
        reading: ["\(fixture.mount)/data/db"], settings: ["type": "batch", "ttl": "5m"])
      let auth: JSON = ["method": "static", "token": .string(token)]
      try await SecretsAgent().expect(fixture.document(auth), gives: ["WORD": "hocus pocus"])
    }

    @Test(arguments: ["static", "file"]) func isStillAliveAfterwards(method: String) async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let file = try agent.folder.write(fixture.token, as: "token")
      let auth: JSON =
        method == "static"
        ? ["method": "static", "token_file": .string(file)]
        : ["method": "file", "path": .string(file)]
      try await agent.expect(fixture.document(auth), gives: ["WORD": "hocus pocus"])
      try await agent.expect(fixture.document(auth), gives: ["WORD": "hocus pocus"])
    }

    @Test func aRevokedTokenIsADenial() async throws {
      let fixture = try await Fixture()
      try await fixture.bao.root.write("auth/token/revoke", ["token": .string(fixture.token)])
      let auth: JSON = ["method": "static", "token": .string(fixture.token)]
      try await SecretsAgent().expect(fixture.document(auth), failsWith: Status.denied, saying: "403")
    }
  }
}
