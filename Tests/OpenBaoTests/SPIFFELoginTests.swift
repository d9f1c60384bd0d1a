import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// Login by a JWT-SVID, which the node's Workload API gives and OpenBao verifies.
  @Suite(.enabled(if: Python.path != nil, "\(Python.absence)")) struct SPIFFELogin {
    private struct Fixture {
      let mount: String
      let folder: ScratchFolder
      let document: JobDocument
      private let keyFile: String

      init() async throws {
        let bao = try await OpenBaoServer.shared()
        let engine = try await bao.makeKV2([("db", ["word": "open sesame"])])
        folder = try ScratchFolder()
        let key = try await SigningKey(folder: folder)
        keyFile = key.file
        mount = uniqueName("spiffe-")
        try await bao.root.writeAll([
          ("sys/policies/acl/\(mount)", ["policy": .string(readPolicy(["\(engine)/data/db"]))]),
          ("sys/auth/\(mount)", ["type": "jwt"]),
          ("auth/\(mount)/config", ["jwt_validation_pubkeys": [.string(key.publicKey)]]),
          (
            "auth/\(mount)/role/job",
            [
              "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["openbao"],
              "bound_subject": "spiffe://example.org/agent", "token_policies": .string(mount),
            ]
          ),
        ])
        // The method is inferred.
        document = JobDocument(
          bao.address, auth: ["mount_path": .string(mount), "role": "job", "jwt_spiffe": "openbao"],
          secrets: ["WORD": kv2(engine, "db", "word")])
      }

      func server(_ manner: WorkloadAPIServer.Manner = .issues) throws -> WorkloadAPIServer {
        try WorkloadAPIServer(in: folder.path, key: keyFile, manner)
      }
    }

    @Test func theWorkloadAPIsTokenLogsIn() async throws {
      let fixture = try await Fixture()
      let server = try fixture.server()
      // The double is right where the standard's own client takes what it gives.
      #expect(try server.tokenOfReferenceClient(audience: "openbao").split(separator: ".").count == 3)
      try await SecretsAgent(["SPIFFE_ENDPOINT_SOCKET": server.address]).expect(
        fixture.document, gives: ["WORD": "open sesame"])
    }

    @Test func whoIsNotRegisteredIsToldSo() async throws {
      let fixture = try await Fixture()
      let server = try fixture.server(.refuses)
      try await SecretsAgent(["SPIFFE_ENDPOINT_SOCKET": server.address]).expect(
        fixture.document, failsWith: Status.denied, saying: "no identity", "register the agent")
    }

    @Test func anAnswerWithoutAnIdentityIsSaid() async throws {
      let fixture = try await Fixture()
      let server = try fixture.server(.issuesNothing)
      try await SecretsAgent(["SPIFFE_ENDPOINT_SOCKET": server.address]).expect(
        fixture.document, failsWith: Status.unavailable, saying: "has no JWT-SVID")
    }

    @Test func withoutASocketTheHintSaysHowToNameIt() async throws {
      let fixture = try await Fixture()
      try await SecretsAgent().expect(
        fixture.document, failsWith: Status.denied, saying: "SPIFFE_ENDPOINT_SOCKET", "unix:///")
    }

    @Test func aPolicySaysForWhichAudiencesAndWhere() async throws {
      let fixture = try await Fixture()
      let server = try fixture.server()
      let agent = try SecretsAgent()
      let socket = "spiffe_socket: \(server.address)\n"
      let narrow = try agent.folder.write("spiffe_audiences: [other]\n\(socket)", as: "narrow.yaml")
      let refused = try await agent.resolve(fixture.document, "--policy", narrow)
      #expect(refused.status == Status.denied)
      #expect(refused.hasErrorLine(with: ["spiffe_audiences", "openbao"]), Comment(rawValue: refused.errorText))
      let wide = try agent.folder.write("spiffe_audiences: [open*]\n\(socket)", as: "wide.yaml")
      let resolved = try await agent.resolve(fixture.document, "--policy", wide)
      #expect(flatStrings(resolved.output) == ["WORD": "open sesame"], Comment(rawValue: resolved.errorText))
    }
  }
}
