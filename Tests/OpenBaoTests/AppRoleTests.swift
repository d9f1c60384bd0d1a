import TestSupport
import Testing

extension OpenBaoTests {
  /// Login by AppRole, with each source of each credential.
  @Suite struct AppRoleLogin {
    private struct Fixture {
      let document: (_ auth: JSON) -> JobDocument
      let role: AppRole

      init() async throws {
        let bao = try await OpenBaoServer.shared()
        let mount = try await bao.makeKV2([("db", ["word": "abracadabra"])])
        role = try await bao.makeAppRole(reading: ["\(mount)/data/db"])
        document = { JobDocument(bao.address, auth: $0, secrets: ["WORD": kv2(mount, "db", "word")]) }
      }
    }

    @Test func takesBothCredentialsByValue() async throws {
      let fixture = try await Fixture()
      try await SecretsAgent().expect(fixture.document(fixture.role.auth), gives: ["WORD": "abracadabra"])
    }

    @Test func readsBothCredentialsFromFiles() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      // One as `echo` writes it, one as `printf` does.
      let auth: JSON = [
        "method": "approle", "mount_path": .string(fixture.role.mount),
        "role_id_file": .string(try agent.folder.write(fixture.role.roleID + "\n", as: "role-id")),
        "secret_id_file": .string(try agent.folder.write(fixture.role.secretID, as: "secret-id")),
      ]
      try await agent.expect(fixture.document(auth), gives: ["WORD": "abracadabra"])
    }

    @Test func readsBothCredentialsFromTheEnvironment() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent(["MY_ROLE": fixture.role.roleID, "MY_SECRET": fixture.role.secretID])
      let auth: JSON = [
        "method": "approle", "mount_path": .string(fixture.role.mount), "role_id_env": "MY_ROLE",
        "secret_id_env": "MY_SECRET",
      ]
      try await agent.expect(fixture.document(auth), gives: ["WORD": "abracadabra"])
    }

    @Test func usesTheDefaultMountWhereNoneIsNamed() async throws {
      let bao = try await OpenBaoServer.shared()
      let auth: JSON = ["method": "approle", "role_id": "demo-web-role", "secret_id": "demo-web-secret-id"]
      let document = JobDocument(bao.address, auth: auth, secrets: ["NAME": kv2("secret", "web/db", "username")])
      try await SecretsAgent().expect(document, gives: ["NAME": "web"])
    }

    @Test(arguments: ["", "auth/"]) func takesAMountPathWithOrWithoutAuthInFront(prefix: String) async throws {
      let fixture = try await Fixture()
      let auth = fixture.role.auth.with([("mount_path", .string(prefix + fixture.role.mount))])
      try await SecretsAgent().expect(fixture.document(auth), gives: ["WORD": "abracadabra"])
    }

    /// OpenBao answers 400 here, not 403.
    @Test func aWrongSecretIDIsADenial() async throws {
      let fixture = try await Fixture()
      let auth = fixture.role.auth.with([("secret_id", "not-the-secret-id")])
      try await SecretsAgent().expect(fixture.document(auth), failsWith: Status.denied, saying: "400", "login")
    }

    @Test func aMissingCredentialFileIsNamed() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let missing = agent.folder.file("no-such-file").path
      let auth: JSON = [
        "method": "approle", "mount_path": .string(fixture.role.mount), "role_id": .string(fixture.role.roleID),
        "secret_id_file": .string(missing),
      ]
      let outcome = try await agent.resolve(fixture.document(auth))
      #expect(outcome.status != Status.done)
      #expect(outcome.hasErrorLine(with: [missing]), Comment(rawValue: outcome.errorText))
    }

    @Test func anUnsetVariableIsNamed() async throws {
      let fixture = try await Fixture()
      let auth: JSON = [
        "method": "approle", "mount_path": .string(fixture.role.mount), "role_id": .string(fixture.role.roleID),
        "secret_id_env": "NOBODY_SET_THIS",
      ]
      let outcome = try await SecretsAgent().resolve(fixture.document(auth))
      #expect(outcome.status != Status.done)
      #expect(outcome.hasErrorLine(with: ["NOBODY_SET_THIS"]), Comment(rawValue: outcome.errorText))
    }
  }
}
