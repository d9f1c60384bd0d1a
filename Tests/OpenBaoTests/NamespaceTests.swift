import TestSupport
import Testing

extension OpenBaoTests {
  /// `namespace` of a provider, sent with the login and with each read.
  @Suite struct Namespaces {
    private struct Fixture {
      let bao: OpenBaoServer
      let namespace: String
      let role: AppRole

      /// A namespace with an engine, a role and a secret of its own.
      init() async throws {
        bao = try await OpenBaoServer.shared()
        namespace = uniqueName("edge-")
        try await bao.root.write("sys/namespaces/\(namespace)", [:])
        var inside = bao.root
        inside.namespace = namespace
        try await inside.writeAll([
          ("sys/mounts/secret", ["type": "kv", "options": ["version": "2"]]),
          ("secret/data/db", ["data": ["word": "inside"]]),
        ])
        role = try await inside.makeAppRole(reading: ["secret/data/db"])
      }

      func document(namespace: String?) -> JobDocument {
        JobDocument(
          bao.address, auth: role.auth, namespace: namespace, secrets: ["WORD": kv2("secret", "db", "word")])
      }
    }

    @Test func loginAndReadHappenInside() async throws {
      let fixture = try await Fixture()
      try await SecretsAgent().expect(fixture.document(namespace: fixture.namespace), gives: ["WORD": "inside"])
    }

    @Test func aSlashAtTheEndDoesNoHarm() async throws {
      let fixture = try await Fixture()
      try await SecretsAgent().expect(fixture.document(namespace: fixture.namespace + "/"), gives: ["WORD": "inside"])
    }

    @Test func theRoleIsNotKnownOutside() async throws {
      let fixture = try await Fixture()
      let outcome = try await SecretsAgent().resolve(fixture.document(namespace: nil))
      #expect(outcome.status != Status.done)
      #expect(outcome.output.isEmpty)
    }

    @Test func aNamespaceThatIsNotThereFails() async throws {
      let fixture = try await Fixture()
      let outcome = try await SecretsAgent().resolve(fixture.document(namespace: "no-such-namespace"))
      #expect(outcome.status == Status.unavailable || outcome.status == Status.denied)
      #expect(outcome.output.isEmpty)
    }
  }
}
