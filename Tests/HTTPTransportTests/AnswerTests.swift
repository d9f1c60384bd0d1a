import EventLoop
import SecretBytes
import Testing
import Text

@testable import HTTPTransport

/// What a good answer gives.
@Suite(.timeLimit(.minutes(15)))
struct AnswerTests {
  private static func response(to method: HTTPMethod = .get, _ bytes: String) throws -> HTTPResponse {
    let server = try RawServer { connection in
      if connection.readRequest() != nil {
        connection.send(bytes)
      }
    }
    return try onLoop { loop async throws in
      try await loop.client().send(HTTPRequest(method: method, url: try HTTPURL(parsing: server.origin)))
    }
  }

  @Test(arguments: [("200 OK", 200), ("204 No Content", 204), ("404 Not Found", 404), ("503 x", 503), ("599", 599)])
  func everyStatusIsAnAnswer(_ line: String, _ status: Int) throws {
    let response = try Self.response("HTTP/1.1 \(line)\r\nContent-Length: 0\r\n\r\n")
    #expect(response.status == status)
    #expect(response.body.isEmpty)
  }

  @Test func chunksAreJoined() throws {
    let response = try Self.response(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n")
    #expect(response.text == "hello world")
  }

  @Test func aBodyIsBytesAndIsNotDecoded() throws {
    let response = try Self.response(
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\u{1f}\u{0}\r\n")
    #expect(response.body == SecretBytes([0x1f, 0, 0x0d, 0x0a]))
  }

  @Test func headersAreReadWithoutRegardToCaseAndAreThoseOfTheFinalAnswer() throws {
    let response = try Self.response(
      "HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n"
        + "HTTP/1.1 429 Slow\r\nRETRY-After:\t 7 \r\nX-Empty:\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 0\r\n\r\n")
    #expect(response.status == 429)
    #expect(response.headers.first("retry-AFTER") == "7")
    #expect(response.headers.first("x-empty") == "")
    #expect(response.headers.first("X-Twice") == "a")
    #expect(response.headers.first("X-Interim") == nil)
  }

  @Test func anAnswerToHEADHasNoBodyWhateverItsLength() throws {
    let response = try Self.response(to: .head, "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
    #expect(response.status == 200)
    #expect(response.body.isEmpty)
  }

  @Test(arguments: [
    "", "\n", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n:\r\n::\r\n:x\r\n \r\n\r\n", "x\nno colon\n\t\n",
    "\u{0}\n\u{0}:\u{0}\n",
  ])
  func headerBlocksOfAnyShapeAreRead(_ block: String) {
    let fields = Array(block.utf8).withUnsafeBytes { HTTPFields(block: $0) }
    #expect(fields.first("absent") == nil)
  }

  @Test func headerBytesThatAreNotUTF8AreReplaced() {
    let fields = (Array("s\nX-A: ".utf8) + [0xff, 0xfe, 0x41]).withUnsafeBytes { HTTPFields(block: $0) }
    #expect(fields.first("x-a") == "\u{fffd}\u{fffd}A")
  }

  // MARK: - Redirects

  @Test(arguments: [301, 302, 303, 307, 308])
  func aRedirectIsAnAnswerAndIsNotFollowed(_ status: Int) throws {
    let elsewhere = try RawServer.answering(answer("stolen"))
    let target = elsewhere.origin + "/caught"
    let server = try RawServer { connection in
      while connection.readRequest() != nil {
        connection.send("HTTP/1.1 \(status) Moved\r\nLocation: \(target)\r\nContent-Length: 0\r\n\r\n")
      }
    }
    let response = try onLoop { loop async throws in
      let client = loop.client()
      let token = HTTPHeader("X-Vault-Token", "marker-5b11")
      let response = try await client.get(server.origin, headers: [token, HTTPHeader("Authorization", "marker-5b11")])
      // Whatever was on its way there would be before this.
      #expect(try await client.get(elsewhere.origin + "/after").text == "stolen")
      return response
    }
    #expect(response.status == status)
    #expect(response.headers.first("location") == target)
    #expect(server.requests.count == 1)
    #expect(elsewhere.requests.map { $0.hasPrefix("GET /after ") } == [true])
    #expect(elsewhere.requests.allSatisfy { !$0.contains("marker-5b11") })
  }

  @Test func cookiesAreNotKept() throws {
    let server = try RawServer.answering("HTTP/1.1 200 OK\r\nSet-Cookie: a=marker\r\nContent-Length: 0\r\n\r\n")
    try onLoop { loop async throws in
      let client = loop.client()
      for _ in 0..<2 {
        _ = try await client.get(server.origin)
      }
    }
    #expect(server.requests.count == 2)
    #expect(server.requests.allSatisfy { !$0.lowercased().contains("cookie") })
  }
}
