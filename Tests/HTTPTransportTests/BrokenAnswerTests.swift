import EventLoop
import HTTPTransport
import SecretBytes
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct BrokenAnswerTests {
  /// Why a GET fails that a server answers with these bytes, and then closes the connection.
  private static func failure(after bytes: [UInt8], limit: Int = 1024 * 1024) throws -> TransportFailure {
    let server = try RawServer { connection in
      if connection.readRequest() != nil {
        connection.send(bytes)
      }
    }
    return try onLoop { try await $0.client().failure(server.origin, limit: limit) }
  }

  private static func failure(after text: String, limit: Int = 1024 * 1024) throws -> TransportFailure {
    try failure(after: Array(text.utf8), limit: limit)
  }

  @Test func aResetIsAnInterruption() throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.reset()
    }
    let failure = try onLoop { try await $0.client().failure(server.origin) }
    expect(failure, .interrupted)
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "HTTP/1.1 100 Continue\r\n\r\n",
  ])
  func anAnswerThatEndsEarlyIsAnInterruption(_ text: String) throws {
    expect(try Self.failure(after: text), .interrupted)
  }

  @Test(arguments: [
    "zz\r\nhello\r\n0\r\n\r\n", "5\r\nhello-and-more\r\n0\r\n\r\n", "fffffffffffffffff\r\nx", "-5\r\nhello\r\n",
  ])
  func brokenChunksAreNotHTTP(_ chunks: String) throws {
    let failure = try Self.failure(after: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    #expect(failure.kind == .malformed)
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2p1\r\n", "<html>hello</html>", "\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}",
    "HTTP/9.9 200 OK\r\n\r\n",
    "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon here\r\nX: a\u{0}b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
  ])
  func garbageIsNotHTTP(_ text: String) throws {
    let failure = try Self.failure(after: text)
    #expect(failure.kind == .malformed)
    #expect(failure.description.contains("does not answer in HTTP"))
  }

  @Test func aTLSAnswerToPlainHTTPIsNotHTTP() throws {
    expect(try Self.failure(after: [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x0a, 0xff, 0xfe]), .malformed)
  }

  @Test func aHugeHeaderIsCutOff() throws {
    let line = "X-Long: " + String(repeating: "a", count: 200_000) + "\r\n"
    expect(try Self.failure(after: "HTTP/1.1 200 OK\r\n" + line + "\r\n"), .malformed)
  }

  @Test func tooManyHeadersAreCutOff() throws {
    let lines = (0..<10_000).map { "X-\($0): 0123456789\r\n" }.joined()
    expect(try Self.failure(after: "HTTP/1.1 200 OK\r\n" + lines + "\r\n"), .malformed)
  }

  @Test func headersWithoutEndAreCutOff() throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n")
      while connection.send("X-More: and more and more and more\r\n") {}
    }
    let failure = try onLoop { try await $0.client().failure(server.origin) }
    #expect(failure.kind == .malformed)
  }

  @Test func interimAnswersWithoutEndAreCutOff() throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      while connection.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") {}
    }
    let failure = try onLoop { try await $0.client().failure(server.origin, limit: 1024) }
    expect(failure, .malformed)
  }

  // MARK: - Too large

  @Test(arguments: ["Content-Length: 104857600\r\n", "Transfer-Encoding: chunked\r\n", ""])
  func aBodyOverTheLimitIsCutEarly(_ length: String) throws {
    let announced = 100 * 1024 * 1024
    let sent = Mutex(0)
    let end = Happening()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\(length)\r\n")
      let piece = [UInt8](repeating: 0x61, count: 0x1000)
      let bytes = length.contains("chunked") ? Array("1000\r\n".utf8) + piece + Array("\r\n".utf8) : piece
      while sent.withLock({ $0 }) < announced, connection.send(bytes) {
        sent.withLock { $0 += piece.count }
      }
      end.happens()
    }
    try onLoop { loop async throws in
      let failure = try await loop.client().failure(server.origin, limit: 10_000)
      expect(failure, .tooLarge(limit: 10_000))
      await end.wait()
    }
    // What the sockets' buffers hold, and no more.
    #expect(sent.withLock { $0 } < announced / 2)
  }

  @Test func aBodyOfTheLimitIsTakenAndOneByteMoreIsNot() throws {
    for length in ["Content-Length: 5\r\n", "", "Connection: close\r\n"] {
      let text = "HTTP/1.1 200 OK\r\n\(length)\r\nhello"
      let server = try RawServer { connection in
        _ = connection.readRequest()
        connection.send(text)
      }
      let body = try onLoop { try await $0.client().get(server.origin, limit: 5).text }
      #expect(body == "hello")
      expect(try Self.failure(after: text, limit: 4), .tooLarge(limit: 4))
    }
  }

  @Test func aNegativeLimitTakesNoBody() throws {
    expect(try Self.failure(after: answer("x"), limit: -1), .tooLarge(limit: -1))
  }

  @Test func aClientGoesOnAfterABrokenAnswer() throws {
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        guard request.hasPrefix("GET /good ") else {
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nleft over")
          return
        }
        connection.send(answer("good"))
      }
    }
    try onLoop { loop async throws in
      let client = loop.client()
      for _ in 0..<3 {
        expect(try await client.failure(server.origin + "/bad"), .interrupted)
        #expect(try await client.get(server.origin + "/good").text == "good")
      }
    }
  }
}
