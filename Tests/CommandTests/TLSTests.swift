import Foundation
import ProviderFakes
import SecretBytes
import TestSupport
import Testing

/// Certificates that are to be trusted, and those that are not.
@Suite(.timeLimit(.minutes(15))) struct TLS {
  private let agent: Agent

  init() throws { agent = try Agent() }

  private func file(_ name: String) -> JSON { .string(agent.folder.file(name).path) }

  /// Resolves over a Vault in this process that listens by `tls`.
  private func resolve(_ tls: FakeTLS, options: JSON?, host: String = "127.0.0.1") async throws -> Outcome {
    let fake = try await VaultFake.start(tls: tls)
    try FakesSeed(SecretBytes(FakesSeed.demo)).apply(to: fake)
    let address = fake.address.replacingOccurrences(of: "127.0.0.1", with: host)
    let outcome = try await agent.resolve(lone(address, tls: options), "--timeout", "10s")
    await fake.stop()
    return outcome
  }

  private func authority() throws -> CertificateAuthority {
    let authority = try CertificateAuthority()
    try authority.authority.write(to: agent.folder.path, name: "ca")
    return authority
  }

  @Test(arguments: ["127.0.0.1", "localhost"]) func theRightAuthorityIsTrusted(host: String) async throws {
    let server = try authority().server()
    let outcome = try await resolve(.server(server), options: ["ca_cert": file("ca.pem")], host: host)
    #expect(outcome.values == loneValues, outcome.said)
  }

  @Test func theAuthorityMayStandInTheDocument() async throws {
    let authority = try authority()
    let outcome = try await resolve(
      .server(authority.server()), options: ["ca_cert": .string(authority.authority.certificate)])
    #expect(outcome.values == loneValues, outcome.said)
  }

  @Test func anUnknownAuthorityIsNot() async throws {
    let outcome = try await resolve(.server(try authority().server()), options: nil)
    outcome.expectFailure(Status.unavailable, saying: "signed by an unknown authority", "tls.ca_cert")
  }

  @Test func anotherAuthorityIsNot() async throws {
    let other = try CertificateAuthority(name: "another")
    _ = try authority()
    let outcome = try await resolve(.server(other.server()), options: ["ca_cert": file("ca.pem")])
    outcome.expectFailure(Status.unavailable, saying: "signed by an unknown authority")
  }

  @Test func anAuthorityThatIsNoCertificateIsNamed() async throws {
    let server = try authority().server()
    let outcome = try await resolve(.server(server), options: ["ca_cert": "/etc/passwd"])
    outcome.expectFailure(Status.unavailable, saying: "tls.ca_cert", "/etc/passwd", "-----BEGIN CERTIFICATE-----")
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    let literal = try await resolve(.server(server), options: ["ca_cert": .string(broken)])
    literal.expectFailure(Status.unavailable, saying: "TLS options", "tls.ca_cert")
  }

  @Test func aCertificateForAnotherName() async throws {
    let server = try authority().server(names: "DNS:vault.example.com")
    let outcome = try await resolve(.server(server), options: ["ca_cert": file("ca.pem")])
    outcome.expectFailure(Status.unavailable, saying: "127.0.0.1", "for another name")
  }

  @Test func aCertificateThatHasExpired() async throws {
    let server = try authority().server(isExpired: true)
    let outcome = try await resolve(.server(server), options: ["ca_cert": file("ca.pem")])
    outcome.expectFailure(Status.unavailable, saying: "has expired")
  }

  @Test func httpSpokenToAServerOfHTTPS() async throws {
    let fake = try await VaultFake.start(tls: .server(authority().server()))
    let outcome = try await agent.resolve(
      lone(fake.address.replacingOccurrences(of: "https", with: "http")), "--timeout", "10s")
    await fake.stop()
    outcome.expectFailure(Status.unavailable, saying: "provider vault")
  }

  @Test func httpsSpokenToAServerOfHTTP() async throws {
    let fakes = try Fakes()
    let outcome = try await agent.resolve(
      lone(fakes.address.replacingOccurrences(of: "http", with: "https")), "--timeout", "10s")
    outcome.expectFailure(Status.unavailable, saying: "provider vault", "TLS")
  }

  // MARK: - Client certificates

  @Test func aClientWithItsCertificateGetsIn() async throws {
    let authority = try authority()
    try authority.client().write(to: agent.folder.path, name: "client")
    let outcome = try await resolve(
      .mutual(authority.server(), clientAuthority: authority.authority),
      options: ["ca_cert": file("ca.pem"), "client_cert": file("client.pem"), "client_key": file("client.key")])
    #expect(outcome.values == loneValues, outcome.said)
  }

  @Test func aClientWithoutOneIsToldToShowOne() async throws {
    let authority = try authority()
    let outcome = try await resolve(
      .mutual(authority.server(), clientAuthority: authority.authority), options: ["ca_cert": file("ca.pem")])
    outcome.expectFailure(Status.unavailable, saying: "client certificate", "tls.client_cert")
  }

  @Test func aClientWithACertificateOfAnotherAuthority() async throws {
    let authority = try authority()
    try CertificateAuthority(name: "another").client().write(to: agent.folder.path, name: "client")
    let outcome = try await resolve(
      .mutual(authority.server(), clientAuthority: authority.authority),
      options: ["ca_cert": file("ca.pem"), "client_cert": file("client.pem"), "client_key": file("client.key")])
    outcome.expectFailure(Status.unavailable, saying: "client certificate")
  }

  @Test func aKeyThatDoesNotFitItsCertificate() async throws {
    let authority = try authority()
    try authority.client().write(to: agent.folder.path, name: "client")
    try authority.client().write(to: agent.folder.path, name: "other")
    let outcome = try await resolve(
      .mutual(authority.server(), clientAuthority: authority.authority),
      options: ["ca_cert": file("ca.pem"), "client_cert": file("client.pem"), "client_key": file("other.key")])
    outcome.expectFailure(Status.unavailable, saying: "TLS options")
  }

  /// By the executable's own listeners.
  @Test func theFakesServeBothWays() async throws {
    let fakes = try Fakes(tls: true)
    let plain = try await agent.resolve(lone(fakes.tlsAddress, tls: ["ca_cert": .string(fakes.authority)]))
    #expect(plain.values == loneValues, plain.said)
    let mutual: JSON = [
      "ca_cert": .string(fakes.authority), "client_cert": .string(fakes.folder.file("client.pem").path),
      "client_key": .string(fakes.folder.file("client.key").path),
    ]
    let both = try await agent.resolve(lone(fakes.mutualTLSAddress, tls: mutual))
    #expect(both.values == loneValues, both.said)
  }
}
