import TestSupport
import Testing

extension OpenBaoTests {
  /// TLS against a listener that demands a client certificate.
  @Suite struct MutualTLS {
    private let server: TLSServer
    private let role: AppRole

    init() async throws {
      server = try await TLSServer.shared()
      role = try await server.root.makeAppRole(reading: ["secret/data/tls"])
    }

    private func document(_ address: String, ca: Certificates.Pair, client: Certificates.Pair?) -> JobDocument {
      let authority: JSON = ["ca_cert": .string(ca.certificate)]
      let tls = client.map {
        authority.with([("client_cert", .string($0.certificate)), ("client_key", .string($0.key))])
      }
      return JobDocument(
        address, auth: role.auth, tls: tls ?? authority, secrets: ["WORD": kv2("secret", "tls", "word")])
    }

    @Test func bothSidesShowACertificate() async throws {
      let document = document(server.address, ca: server.certificates.authority, client: server.certificates.client)
      try await SecretsAgent().expect(document, gives: ["WORD": TLSServer.value])
    }

    @Test func withoutAClientCertificateTheServerHangsUp() async throws {
      let document = document(server.address, ca: server.certificates.authority, client: nil)
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "localhost", "certificate")
    }

    @Test func aClientCertificateOfAnotherAuthorityDoesNotServe() async throws {
      let document = document(
        server.address, ca: server.certificates.authority, client: server.certificates.strangeClient)
      let outcome = try await SecretsAgent().resolve(document)
      #expect(outcome.status == Status.unavailable)
      // The server's alert is "unknown CA"; an explanation in other words is welcome.
      #expect(
        outcome.hasErrorLine(with: ["localhost", "certificate"])
          || outcome.hasErrorLine(with: ["localhost", "unknown ca"]), Comment(rawValue: outcome.errorText))
    }

    @Test func aServerOfAnotherAuthorityIsNotTrusted() async throws {
      let document = document(server.address, ca: server.certificates.stranger, client: server.certificates.client)
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "localhost", "certificate")
    }

    @Test func aNameThatTheCertificateDoesNotHoldIsRefused() async throws {
      let document = document(
        server.addressByNumber, ca: server.certificates.authority, client: server.certificates.client)
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "127.0.0.1", "certificate")
    }

    @Test func anExpiredCertificateIsCalledExpired() async throws {
      let document = document(server.expiredAddress, ca: server.certificates.authority, client: nil)
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "expired")
    }

    /// The node policy decides whether it may be; what it must not be is silent.
    @Test func skipVerifyIsNeverSilent() async throws {
      let document = JobDocument(
        server.addressByNumber, auth: role.auth,
        tls: [
          "skip_verify": true, "client_cert": .string(server.certificates.client.certificate),
          "client_key": .string(server.certificates.client.key),
        ], secrets: ["WORD": kv2("secret", "tls", "word")])
      let outcome = try await SecretsAgent().resolve(document)
      #expect(outcome.status == Status.denied || flatStrings(outcome.output) == ["WORD": TLSServer.value])
      #expect(outcome.hasErrorLine(with: ["skip_verify"]), Comment(rawValue: outcome.errorText))
    }
  }

  /// A server that was started and not yet opened.
  @Suite struct SealedServer {
    @Test func isCalledSealed() async throws {
      let server = try await TLSServer.sealed()
      let document = JobDocument(
        server.address, auth: ["method": "approle", "role_id": "r", "secret_id": "s"],
        tls: [
          "ca_cert": .string(server.certificates.authority.certificate),
          "client_cert": .string(server.certificates.client.certificate),
          "client_key": .string(server.certificates.client.key),
        ], secrets: ["WORD": kv2("secret", "tls", "word")])
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "sealed", "503")
    }
  }

  /// A port where nobody listens.
  @Suite struct NoServer {
    @Test func aRefusedConnectionNamesTheAddress() async throws {
      let dead = try DeadPort(listens: false)
      let document = JobDocument(
        "http://127.0.0.1:\(dead.port)", auth: ["method": "static", "token": "t"],
        secrets: ["WORD": kv2("secret", "db", "word")])
      let agent = try SecretsAgent()
      let outcome = try await agent.run("resolve", try agent.file(document), "--timeout", "5s", "--output", "-")
      #expect(outcome.status == Status.unavailable)
      #expect(outcome.output.isEmpty)
      #expect(outcome.hasErrorLine(with: ["127.0.0.1:\(dead.port)"]), Comment(rawValue: outcome.errorText))
    }
  }
}
