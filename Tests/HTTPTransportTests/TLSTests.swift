import EventLoop
import HTTPTransport
import ProviderFakes
import SecretBytes
import Testing

@Suite(.timeLimit(.minutes(15)))
struct TLSTests {
  /// Runs `body` with the `https` address of a server that shows `certificate`.
  static func withServer(
    _ tls: FakeTLS, _ body: @escaping @Sendable (EventLoop, FakeServer, String) async throws -> Void
  ) async throws {
    let server = try await FakeServer.start(tls: tls) { _ in FakeReply(status: 200, body: "over TLS") }
    let outcome = Result { try onLoop { try await body($0, server, "https://localhost:\(server.port)/") } }
    await server.stop()
    try outcome.get()
  }

  private static func trusting(_ authority: CertificateAuthority) -> @Sendable (inout HTTPClientOptions) -> Void {
    { $0.tls.ca = SecretBytes(authority.authority.certificate) }
  }

  @Test func anAuthorityThatIsGivenIsTrusted() async throws {
    let authority = try CertificateAuthority()
    try await Self.withServer(.server(try authority.server())) { loop, server, address async throws in
      let client = loop.client(Self.trusting(authority))
      #expect(try await client.get(address).text == "over TLS")
      #expect(try await client.get("https://127.0.0.1:\(server.port)/").text == "over TLS")
    }
  }

  @Test func aHundredRequestsShareOneConnectionWhereHTTP2IsOffered() async throws {
    let authority = try CertificateAuthority()
    try await Self.withServer(.http2(try authority.server())) { loop, server, address async throws in
      let client = loop.client(Self.trusting(authority))
      try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<100 {
          group.addTask { try await client.get(address).text ?? "" }
        }
        for try await text in group {
          #expect(text == "over TLS")
        }
      }
      #expect(server.recorder.requests.count == 100)
      #expect(server.connectionCount == 1)
    }
  }

  @Test func anUnknownAuthorityIsNotTrusted() async throws {
    try await Self.withServer(.server(try CertificateAuthority().server())) { loop, server, address async throws in
      let other = try CertificateAuthority()
      for client in [loop.client(), loop.client(Self.trusting(other))] {
        let failure = try await client.failure(address)
        expect(failure, .tls(.untrusted))
        #expect(failure.description == "the certificate of localhost:\(server.port) is signed by an unknown authority")
      }
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test func aGivenAuthorityStandsInThePlaceOfTheSystemsAndIsNoneOfAnotherClient() async throws {
    let authority = try CertificateAuthority()
    try await Self.withServer(.server(try authority.server())) { loop, server, address async throws in
      // The kept connection of the one that trusts is not the other's.
      #expect(try await loop.client(Self.trusting(authority)).get(address).text == "over TLS")
      expect(try await loop.client().failure(address), .tls(.untrusted))
      #expect(server.recorder.requests.count == 1)
    }
  }

  @Test(arguments: ["DNS:other.example", "IP:127.0.0.2", "DNS:*.localhost", "DNS:localhost.example"])
  func aCertificateForAnotherNameIsRefused(_ names: String) async throws {
    let authority = try CertificateAuthority()
    try await Self.withServer(.server(try authority.server(names: names))) { loop, server, address async throws in
      let client = loop.client(Self.trusting(authority))
      expect(try await client.failure(address), .tls(.nameMismatch))
      expect(try await client.failure("https://127.0.0.1:\(server.port)/"), .tls(.nameMismatch))
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test func aUnixSocketOrAnAddressChangesNothingAboutTheName() async throws {
    let authority = try CertificateAuthority()
    try await Self.withServer(.server(try authority.server(names: "DNS:localhost"))) {
      loop, server, address async throws in
      let client = loop.client(Self.trusting(authority))
      #expect(try await client.get(address).text == "over TLS")
      expect(try await client.failure("https://127.0.0.1:\(server.port)/"), .tls(.nameMismatch))
    }
  }

  @Test func anExpiredCertificateIsRefused() async throws {
    let authority = try CertificateAuthority()
    try await Self.withServer(.server(try authority.server(isExpired: true))) { loop, server, address async throws in
      expect(try await loop.client(Self.trusting(authority)).failure(address), .tls(.expired))
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test func skipVerifyTakesAnyCertificateAndItsConnectionIsNoOneElses() async throws {
    let certificate = try CertificateAuthority().server(names: "DNS:other.example", isExpired: true)
    try await Self.withServer(.server(certificate)) { loop, server, address async throws in
      let careless = loop.client { $0.tls.skipVerify = true }
      #expect(try await careless.get(address).text == "over TLS")
      let failure = try await loop.client().failure(address)
      #expect([.tls(.untrusted), .tls(.expired), .tls(.nameMismatch)].contains(failure.kind))
      #expect(try await careless.get(address).text == "over TLS")
      #expect(server.recorder.requests.count == 2)
    }
  }

  @Test(arguments: ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
  func anAuthorityThatIsNoCertificateIsNotMuteTrust(_ text: String) async throws {
    try await Self.withServer(.server(try CertificateAuthority().server())) { loop, server, address async throws in
      let failure = try await loop.client { $0.tls.ca = SecretBytes(text) }.failure(address)
      #expect(failure.kind == (text.isEmpty ? .tls(.untrusted) : .badOptions))
      #expect(server.recorder.requests.isEmpty)
    }
  }

  @Test func aServerOfPlainHTTPIsATLSFailure() throws {
    let server = try RawServer { connection in
      _ = connection.readSome()
      connection.send(answer("plain"))
    }
    let failure = try onLoop { try await $0.client().failure("https://127.0.0.1:\(server.port)/") }
    #expect(failure.kind == .tls(.other))
  }

  // MARK: - Old versions

  /// A ServerHello (RFC 5246 §7.4.1.3) that chooses `version`, with TLS_RSA_WITH_AES_128_CBC_SHA.
  private static func serverHello(_ version: [UInt8]) -> [UInt8] {
    let body = version + [UInt8](repeating: 7, count: 32) + [0, 0x00, 0x2f, 0]
    let handshake = [0x02, 0, 0, UInt8(body.count)] + body
    return [0x16] + version + [0, UInt8(handshake.count)] + handshake
  }

  @Test(arguments: [[UInt8(3), 2], [3, 1], [3, 0]])
  func aServerThatChoosesLessThanTLS12IsLeft(_ version: [UInt8]) throws {
    let server = try RawServer { connection in
      _ = connection.readSome()
      connection.send(Self.serverHello(version))
      connection.waitForEnd()
    }
    for skips in [false, true] {
      let failure = try onLoop { loop async throws in
        try await loop.client { $0.tls.skipVerify = skips }.failure("https://127.0.0.1:\(server.port)/")
      }
      #expect(failure.kind == .tls(.protocolVersion))
    }
  }

  @Test func aServerThatRefusesTLS12AndNewerIsSaidSo() throws {
    let server = try RawServer { connection in
      _ = connection.readSome()
      // The fatal alert protocol_version (RFC 8446 §6.2).
      connection.send([0x15, 3, 1, 0, 2, 2, 70])
      connection.waitForEnd()
    }
    let failure = try onLoop { try await $0.client().failure("https://127.0.0.1:\(server.port)/") }
    #expect(failure.kind == .tls(.protocolVersion))
    #expect(failure.description == "127.0.0.1:\(server.port) speaks no TLS 1.2 or newer")
  }
}
