import SecretBytes
import Testing

@testable import ProviderKit

/// Frames and messages of the SPIFFE Workload API, byte for byte.
@Suite struct JWTSVIDMessagesTests {
  private static let token = "e30.e30.c2ln"

  private static func frame(_ message: [UInt8], compressed: UInt8 = 0) -> SecretBytes {
    SecretBytes([compressed, 0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message)
  }

  private static func bytes(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] { [tag, UInt8(content.count)] + content }

  private static func svid(_ token: String) -> [UInt8] {
    bytes(0x0a, bytes(0x0a, Array("spiffe://a/b".utf8)) + bytes(0x12, Array(token.utf8)) + bytes(0x1a, Array("h".utf8)))
  }

  @Test func theAudienceIsFieldOneOfTheRequest() {
    let short = JWTSVIDMessages.request(audience: "vault")
    #expect(short == SecretBytes([0, 0, 0, 0, 7, 0x0a, 5] + Array("vault".utf8)))
    let long = String(repeating: "a", count: 300)
    #expect(JWTSVIDMessages.request(audience: long) == SecretBytes([0, 0, 0, 1, 47, 0x0a, 0xac, 2] + Array(long.utf8)))
  }

  @Test func theFirstTokenCounts() throws {
    let answer = Self.frame(Self.svid(Self.token) + Self.svid("other.other.other"))
    #expect(try JWTSVIDMessages.token(in: answer) == SecretBytes(Self.token))
  }

  @Test func unknownFieldsAreReadPast() throws {
    let unknown: [UInt8] = [0x38, 0x96, 1, 0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0x4d, 1, 2, 3, 4] + Self.bytes(0x52, [9, 9])
    #expect(
      try JWTSVIDMessages.token(in: Self.frame(unknown + Self.svid(Self.token))) == SecretBytes(Self.token))
  }

  @Test(
    arguments: [
      ([], "has no message"),
      ([0, 0, 0, 0], "has no message"),
      ([1, 0, 0, 0, 0], "is compressed, which was not asked for"),
      ([0, 0, 0, 0, 1], "is not one whole message"),
      ([0, 0xff, 0xff, 0xff, 0xff], "is not one whole message"),
      ([0, 0, 0, 0, 0], "has no JWT-SVID"),
      ([0, 0, 0, 0, 0, 0], "is not one whole message"),
      ([0, 0, 0, 0, 2, 0x0a, 0], "has a JWT-SVID without a token"),
      ([0, 0, 0, 0, 2, 0x0a, 1], "is cut off"),
      ([0, 0, 0, 0, 1, 0x0a], "is cut off"),
      ([0, 0, 0, 0, 2, 0x0b, 0], "is not protobuf"),
      ([0, 0, 0, 0, 11] + [0x0a] + [UInt8](repeating: 0xff, count: 10), "is not protobuf"),
      ([0, 0, 0, 0, 11] + [0x0a] + [UInt8](repeating: 0xff, count: 9) + [1], "is cut off"),
    ] as [([UInt8], String)])
  func whatIsNoAnswerIsSaid(_ bytes: [UInt8], _ fault: String) {
    #expect(throws: JWTSVIDMessages.Fault(message: fault)) { try JWTSVIDMessages.token(in: SecretBytes(bytes)) }
  }

  @Test(arguments: ["", "no dots", "a.b", "a.b.c.d", "a.b.c\n", "a.b c.d"])
  func aTokenIsAJWT(_ text: String) {
    #expect(throws: JWTSVIDMessages.Fault(message: "has a JWT-SVID without a token")) {
      try JWTSVIDMessages.token(in: Self.frame(Self.svid(text)))
    }
  }

  @Test func noPrefixOfAnAnswerAndNoFlippedByteIsACrash() throws {
    let whole = Self.frame(Self.svid(Self.token)).withUnsafeBytes { Array($0) }
    for count in 0..<whole.count {
      #expect(throws: JWTSVIDMessages.Fault.self) { try JWTSVIDMessages.token(in: SecretBytes(whole[..<count])) }
    }
    for place in whole.indices {
      for value in UInt8.min...UInt8.max {
        var changed = whole
        changed[place] = value
        _ = try? JWTSVIDMessages.token(in: SecretBytes(changed))
      }
    }
  }
}

@Suite struct SPIFFEEndpointTests {
  @Test(
    arguments: [
      ("unix:///run/spire/agent.sock", "/run/spire/agent.sock"), ("unix:/run/a.sock", "/run/a.sock"),
      ("/run/a.sock", "/run/a.sock"), ("tcp://127.0.0.1:8000", nil), ("tcp://[::1]:8000", nil),
    ] as [(String, String?)])
  func addressesOfTheStandardAreTaken(_ text: String, _ socket: String?) throws {
    let endpoint = try #require(SPIFFEEndpoint(text))
    #expect(endpoint.socket == socket)
  }

  @Test(arguments: [
    "", "unix://", "unix:///", "unix://host/path", "unix:relative", "relative", "http://127.0.0.1:1",
    "tcp://spire:8000",
    "tcp://127.0.0.1:8000/path", "tcp://127.0.0.1:99999", "unix:///" + String(repeating: "a", count: 108),
  ])
  func othersAreNot(_ text: String) {
    #expect(SPIFFEEndpoint(text) == nil)
  }
}
