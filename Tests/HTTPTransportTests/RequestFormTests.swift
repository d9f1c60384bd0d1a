import EventLoop
import HTTPTransport
import SecretBytes
import Testing
import Text

/// What goes over the wire, byte for byte.
@Suite(.timeLimit(.minutes(15)))
struct RequestFormTests {
  private static func bytes(
    of method: HTTPMethod, headers: [HTTPHeader] = [], body: SecretBytes? = nil, path: String = "/v1/x",
    rawPath: String? = nil
  ) throws -> String {
    let server = try RawServer.answering("HTTP/1.1 204 No Content\r\n\r\n")
    try onLoop { loop async throws in
      let base = try HTTPURL(parsing: server.origin + path)
      let url = rawPath.map { base.appending(rawPath: $0) } ?? base
      _ = try await loop.client().send(HTTPRequest(method: method, url: url, headers: headers, body: body))
    }
    return try #require(server.requests.first).replacing("127.0.0.1:\(server.port)", with: "HOST")
  }

  @Test func aGetSaysNoMoreThanItMust() throws {
    let bytes = try Self.bytes(of: .get)
    #expect(bytes == "GET /v1/x HTTP/1.1\r\nHost: HOST\r\nUser-Agent: secrets-agent\r\nAccept: */*\r\n\r\n")
  }

  @Test(arguments: [HTTPMethod.list, .head, .delete, HTTPMethod(rawValue: "X-~!")])
  func anyMethodIsSentAsItIs(_ method: HTTPMethod) throws {
    #expect(try Self.bytes(of: method).hasPrefix("\(method.rawValue) /v1/x HTTP/1.1\r\n"))
  }

  @Test(arguments: [HTTPMethod.post, .put, .delete])
  func aBodyIsSentWithItsLengthAndWithoutWaitingForLeave(_ method: HTTPMethod) throws {
    let body = String(repeating: "ä\u{0}", count: 2000)
    let bytes = try Self.bytes(of: method, body: SecretBytes(body))
    #expect(bytes.hasPrefix("\(method.rawValue) /v1/x HTTP/1.1\r\n"))
    #expect(bytes.contains("\r\nContent-Length: 6000\r\n"))
    #expect(bytes.hasSuffix("\r\n\r\n" + body))
    #expect(!bytes.contains("Expect:"))
    #expect(!bytes.contains("Content-Type:"))
  }

  @Test func anEmptyBodyHasALengthToo() throws {
    #expect(try Self.bytes(of: .post, body: SecretBytes()).contains("\r\nContent-Length: 0\r\n"))
  }

  @Test func headersAreSentWithTheirValues() throws {
    let bytes = try Self.bytes(
      of: .post,
      headers: [
        HTTPHeader("X-Vault-Token", secret: SecretBytes("s.1\tä")), HTTPHeader("X-Empty", ""),
        HTTPHeader("content-type", "application/json"),
      ], body: SecretBytes("{}"))
    #expect(bytes.contains("\r\nX-Vault-Token: s.1\tä\r\n"))
    #expect(bytes.contains("\r\nX-Empty:\r\n"))
    #expect(bytes.contains("\r\ncontent-type: application/json\r\n"))
    #expect(bytes.lowercased().split(separator: "content-type").count == 2)
  }

  @Test func dotsInARawPathAreSentAsTheyAre() throws {
    let bytes = try Self.bytes(of: .get, path: "/v1", rawPath: "a/../b/./c")
    #expect(bytes.hasPrefix("GET /v1/a/../b/./c HTTP/1.1\r\n"))
  }

  // MARK: - What cannot be sent

  @Test(arguments: [
    ("X-A", "1\r\nX-Injected: 1"), ("X-A", "1\nX-Injected: 1"), ("X-A", "1\rX-Injected: 1"), ("X-A", "1\u{0}2"),
    ("X-A", "\u{7f}"), ("X-A", "\u{1b}[0m"), ("X-A\r\nX-Injected", "1"), ("X-A: 1\r\nX-B", "1"), ("X A", "1"),
    ("X-A:", "1"), ("", "1"), ("X-Ä", "1"), ("X-A;", "1"), ("@/etc/passwd", "1"),
  ])
  func aHeaderThatHoldsALineIsRefused(_ name: String, _ value: String) throws {
    let server = try RawServer.answering(answer("never"))
    let failure = try onLoop { loop async throws in
      try await loop.client().failure(server.origin, headers: [HTTPHeader("X-Good", "1"), HTTPHeader(name, value)])
    }
    expect(failure, .invalidRequest)
    #expect(!failure.description.contains("Injected"))
    #expect(server.connectionCount == 0)
  }

  @Test(arguments: ["", "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n", "GET\r\n", "GE T", "GET\u{0}", "GÉT", "GET:", "GET/"])
  func aMethodThatIsNoTokenIsRefused(_ method: String) throws {
    let server = try RawServer.answering(answer("never"))
    try onLoop { loop async throws in
      let url = try HTTPURL(parsing: server.origin)
      let failure = await #expect(throws: TransportFailure.self) {
        _ = try await loop.client().send(HTTPRequest(method: HTTPMethod(rawValue: method), url: url))
      }
      #expect(failure?.kind == .invalidRequest)
    }
    #expect(server.connectionCount == 0)
  }
}
