import EventLoop
import HTTPTransport
import ProviderFakes
import SecretBytes
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ClientCertificateTests {
  private static func options(
    _ authority: CertificateAuthority, certificate: FakeCertificate? = nil, key: String? = nil
  ) -> @Sendable (inout HTTPClientOptions) -> Void {
    {
      $0.tls.ca = SecretBytes(authority.authority.certificate)
      $0.tls.clientCertificate = certificate.map { SecretBytes($0.certificate) }
      $0.tls.clientKey = (key ?? certificate?.key).map { SecretBytes($0) }
    }
  }

  private static func mutual(_ authority: CertificateAuthority) throws -> FakeTLS {
    .mutual(try authority.server(), clientAuthority: authority.authority)
  }

  @Test func aCertificateOfTheAuthorityGetsIn() async throws {
    let authority = try CertificateAuthority()
    let certificate = try authority.client()
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, _, address async throws in
      let client = loop.client(Self.options(authority, certificate: certificate))
      #expect(try await client.get(address).text == "over TLS")
    }
  }

  @Test func withoutACertificateTheFailureNamesTheReason() async throws {
    let authority = try CertificateAuthority()
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, server, address async throws in
      let failure = try await loop.client(Self.options(authority)).failure(address)
      // In TLS 1.3 the server's alert races with its hanging up.
      #expect([.tls(.clientCertificate), .interrupted].contains(failure.kind))
      #expect(failure.description.contains("client certificate"))
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test func aCertificateOfAnotherAuthorityIsRefusedAndTheFailureNamesTheReason() async throws {
    let authority = try CertificateAuthority()
    let stranger = try CertificateAuthority(name: "another").client()
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, server, address async throws in
      let failure = try await loop.client(Self.options(authority, certificate: stranger)).failure(address)
      #expect([.tls(.clientCertificate), .interrupted].contains(failure.kind))
      #expect(failure.description.contains("client certificate"))
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test func aKeyOfAnotherCertificateIsABadOption() async throws {
    let authority = try CertificateAuthority()
    let (certificate, other) = (try authority.client(), try authority.client())
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, server, address async throws in
      let client = loop.client(Self.options(authority, certificate: certificate, key: other.key))
      let failure = try await client.failure(address)
      expect(failure, .badOptions)
      #expect(!failure.description.contains("BEGIN"))
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test(arguments: ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
  func aKeyThatIsNoneIsABadOption(_ key: String) async throws {
    let authority = try CertificateAuthority()
    let certificate = try authority.client()
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, _, address async throws in
      let client = loop.client(Self.options(authority, certificate: certificate, key: key))
      expect(try await client.failure(address), .badOptions)
    }
  }

  @Test func aCertificateThatIsNoneIsABadOption() async throws {
    let authority = try CertificateAuthority()
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, _, address async throws in
      let client = loop.client {
        $0.tls.ca = SecretBytes(authority.authority.certificate)
        $0.tls.clientCertificate = SecretBytes("no certificate")
        $0.tls.clientKey = SecretBytes("no key")
      }
      expect(try await client.failure(address), .badOptions)
    }
  }

  @Test func aConnectionMadeWithACertificateIsNoneOfAClientWithout() async throws {
    let authority = try CertificateAuthority()
    let certificate = try authority.client()
    try await TLSTests.withServer(try Self.mutual(authority)) { loop, server, address async throws in
      let known = loop.client(Self.options(authority, certificate: certificate))
      let unknown = loop.client(Self.options(authority))
      for _ in 0..<2 {
        #expect(try await known.get(address).text == "over TLS")
        // Neither the kept connection nor the TLS session of the other.
        #expect(try await unknown.failure(address).description.contains("client certificate"))
      }
      #expect(server.recorder.requests.count == 2)
    }
  }
}
