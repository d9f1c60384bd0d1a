import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// Login by a JSON Web Token whose signature OpenBao checks.
  @Suite struct JWTLogin {
    private struct Fixture {
      let mount: String
      let key: SigningKey
      let folder: ScratchFolder
      let document: (_ auth: JSON) -> JobDocument

      init(mount: String = uniqueName("jwt-")) async throws {
        let bao = try await OpenBaoServer.shared()
        let engine = try await bao.makeKV2([("db", ["word": "open sesame"])])
        folder = try ScratchFolder()
        key = try await SigningKey(folder: folder)
        try await bao.root.writeAll([
          ("sys/policies/acl/\(mount)", ["policy": .string(readPolicy(["\(engine)/data/db"]))]),
          ("sys/auth/\(mount)", ["type": "jwt"]),
          ("auth/\(mount)/config", ["jwt_validation_pubkeys": [.string(key.publicKey)]]),
          (
            "auth/\(mount)/role/job",
            [
              "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["openbao"],
              "token_policies": .string(mount),
            ]
          ),
        ])
        self.mount = mount
        document = { JobDocument(bao.address, auth: $0, secrets: ["WORD": kv2(engine, "db", "word")]) }
      }

      func token(endsInSeconds end: Int = 300) async throws -> String {
        try await key.sign([
          "sub": "job-web", "aud": "openbao", "iat": claimTime(inSeconds: -600), "nbf": claimTime(inSeconds: -600),
          "exp": claimTime(inSeconds: end),
        ])
      }

      func auth(_ source: String, _ value: String) -> JSON {
        let common: JSON = ["method": "jwt", "mount_path": .string(mount), "role": "job"]
        return common.with([(source, .string(value))])
      }
    }

    @Test func takesATokenByValue() async throws {
      let fixture = try await Fixture()
      let auth = fixture.auth("jwt", try await fixture.token())
      try await SecretsAgent().expect(fixture.document(auth), gives: ["WORD": "open sesame"])
    }

    @Test func readsATokenFromAFile() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let auth = fixture.auth("jwt_file", try agent.folder.write(try await fixture.token() + "\n", as: "jwt"))
      try await agent.expect(fixture.document(auth), gives: ["WORD": "open sesame"])
    }

    @Test func readsATokenFromTheEnvironment() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent(["MY_JWT": try await fixture.token()])
      try await agent.expect(fixture.document(fixture.auth("jwt_env", "MY_JWT")), gives: ["WORD": "open sesame"])
    }

    /// The only test that uses this mount of the shared server.
    @Test func usesTheDefaultMountWhereNoneIsNamed() async throws {
      let fixture = try await Fixture(mount: "jwt")
      let auth: JSON = ["method": "jwt", "role": "job", "jwt": .string(try await fixture.token())]
      try await SecretsAgent().expect(fixture.document(auth), gives: ["WORD": "open sesame"])
    }

    @Test func anExpiredTokenIsADenial() async throws {
      let fixture = try await Fixture()
      let auth = fixture.auth("jwt", try await fixture.token(endsInSeconds: -400))
      try await SecretsAgent().expect(fixture.document(auth), failsWith: Status.denied, saying: "400", "login")
    }

    @Test func aTokenOfAnotherSignerIsADenial() async throws {
      let fixture = try await Fixture()
      let stranger = try await SigningKey(folder: try ScratchFolder())
      let forged = try await stranger.sign([
        "sub": "job-web", "aud": "openbao", "exp": claimTime(inSeconds: 300),
      ])
      try await SecretsAgent().expect(
        fixture.document(fixture.auth("jwt", forged)), failsWith: Status.denied, saying: "400", "login")
    }
  }

  /// Login by a service account's token, which OpenBao has reviewed by the Kubernetes API.
  @Suite struct KubernetesLogin {
    private struct Fixture {
      let token: String
      let document: (_ auth: JSON) -> JobDocument
      let mount: String
      private let endpoint: TokenReviewEndpoint

      init(mount: String = uniqueName("kubernetes-")) async throws {
        let bao = try await OpenBaoServer.shared()
        let engine = try await bao.makeKV2([("db", ["word": "alakazam"])])
        token = try await SigningKey(folder: try ScratchFolder()).sign([
          "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:shop:web",
          "nbf": claimTime(inSeconds: -60), "exp": claimTime(inSeconds: 300),
          "kubernetes.io": ["namespace": "shop", "serviceaccount": ["name": "web", "uid": "1"]],
        ])
        // Demanded, though the endpoint speaks plain HTTP.
        let folder = try ScratchFolder()
        let authority = try String(
          contentsOfFile: try await Certificates(folder: folder).authority.certificate, encoding: .utf8)
        endpoint = try TokenReviewEndpoint(accounts: [token: "shop:web"])
        try await bao.root.writeAll([
          ("sys/policies/acl/\(mount)", ["policy": .string(readPolicy(["\(engine)/data/db"]))]),
          ("sys/auth/\(mount)", ["type": "kubernetes"]),
          (
            "auth/\(mount)/config",
            [
              "kubernetes_host": .string(endpoint.address), "token_reviewer_jwt": "reviewer",
              "disable_local_ca_jwt": true, "kubernetes_ca_cert": .string(authority),
            ]
          ),
          (
            "auth/\(mount)/role/job",
            [
              "bound_service_account_names": "web", "bound_service_account_namespaces": "shop",
              "token_policies": .string(mount),
            ]
          ),
        ])
        self.mount = mount
        document = { JobDocument(bao.address, auth: $0, secrets: ["WORD": kv2(engine, "db", "word")]) }
      }

      func auth(_ file: String) -> JSON {
        ["method": "kubernetes", "mount_path": .string(mount), "role": "job", "token_file": .string(file)]
      }
    }

    @Test func sendsTheServiceAccountsToken() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let file = try agent.folder.write(fixture.token, as: "token")
      try await agent.expect(fixture.document(fixture.auth(file)), gives: ["WORD": "alakazam"])
    }

    /// The only test that uses this mount of the shared server.
    @Test func usesTheDefaultMountWhereNoneIsNamed() async throws {
      let fixture = try await Fixture(mount: "kubernetes")
      let agent = try SecretsAgent()
      let file = try agent.folder.write(fixture.token, as: "token")
      let auth: JSON = ["method": "kubernetes", "role": "job", "token_file": .string(file)]
      try await agent.expect(fixture.document(auth), gives: ["WORD": "alakazam"])
    }

    @Test func aTokenThatTheReviewDoesNotKnowIsADenial() async throws {
      let fixture = try await Fixture()
      let agent = try SecretsAgent()
      let unknown = try await SigningKey(folder: agent.folder).sign([
        "sub": "system:serviceaccount:shop:web", "nbf": claimTime(inSeconds: -60), "exp": claimTime(inSeconds: 300),
        "kubernetes.io": ["namespace": "shop", "serviceaccount": ["name": "web", "uid": "1"]],
      ])
      let file = try agent.folder.write(unknown, as: "token")
      try await agent.expect(fixture.document(fixture.auth(file)), failsWith: Status.denied, saying: "login")
    }
  }
}
