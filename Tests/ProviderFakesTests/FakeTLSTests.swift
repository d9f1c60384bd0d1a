import HTTPTransport
import ProviderFakes
import SecretBytes
import Testing

/// The certificates are ones that a TLS client takes, and refuses, for the reason that each was made for.
@Suite struct FakeTLSVariants {
  private func options(_ authority: CertificateAuthority?, client: FakeCertificate? = nil) -> HTTPClientOptions {
    var options = HTTPClientOptions()
    options.tls.ca = authority.map { SecretBytes($0.authority.certificate) }
    options.tls.clientCertificate = client.map { SecretBytes($0.certificate) }
    options.tls.clientKey = client.map { SecretBytes($0.key) }
    return options
  }

  private func expect(
    _ kind: TransportFailure.Kind?, from tls: FakeTLS, _ options: HTTPClientOptions,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try FakeScene.run(tls: tls, options: options) { (scene: FakeScene) async throws in
      #expect(scene.fake.address.hasPrefix("https://"), sourceLocation: sourceLocation)
      #expect(try await scene.failure("/v1/sys/health") == kind, sourceLocation: sourceLocation)
    }
  }

  @Test func aServerIsKnownByItsAuthorityOnly() throws {
    let authority = try CertificateAuthority()
    let server = try authority.server()
    try expect(nil, from: .server(server), options(authority))
    try expect(.tls(.untrusted), from: .server(server), options(try CertificateAuthority(name: "another")))
    try expect(.tls(.untrusted), from: .server(server), options(nil))
  }

  @Test func aNameThatDoesNotMatch() throws {
    let authority = try CertificateAuthority()
    let server = try authority.server(names: "DNS:vault.example.com")
    try expect(.tls(.nameMismatch), from: .server(server), options(authority))
  }

  @Test func aCertificateThatHasExpired() throws {
    let authority = try CertificateAuthority()
    let server = try authority.server(isExpired: true)
    try expect(.tls(.expired), from: .server(server), options(authority))
  }

  @Test func onlyClientsOfTheAuthorityGetIn() throws {
    let authority = try CertificateAuthority()
    let tls = FakeTLS.mutual(try authority.server(), clientAuthority: authority.authority)
    try expect(nil, from: tls, options(authority, client: try authority.client()))
    try expect(.tls(.clientCertificate), from: tls, options(authority))
    let foreign = try CertificateAuthority(name: "another").client()
    try expect(.tls(.clientCertificate), from: tls, options(authority, client: foreign))
  }

  @Test func oneVaultListensManyWays() throws {
    let authority = try CertificateAuthority()
    try FakeScene.run(options: options(authority)) { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", #"{"v": 1}"#)
      let secure = FakeScene(
        fake: try await scene.fake.listening(tls: .server(authority.server())), client: scene.client)
      #expect(try await secure.get("/v1/secret/data/a").text == scene.get("/v1/secret/data/a").text)
      #expect(scene.fake.recorder.requests.count == 2)
      await secure.fake.stop()
    }
  }
}
