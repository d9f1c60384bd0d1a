import AgentDaemon
import Foundation
import SecretBytes
import TestSupport
import Testing

/// What clients send, byte by byte.
@Suite(.timeLimit(.minutes(15))) struct LocalServerRequestTests {
  /// Sends each text on a connection of its own; the answers in order.
  private func answers(_ texts: [String], limits: LocalServerLimits = .init()) throws -> (
    answers: [String?], asked: Asked
  ) {
    try withServer(limits: limits) { _, path, asked in
      let answers = try await onThread {
        try texts.map { text in
          let client = try RawClient(unix: path)
          client.send(text.utf8)
          client.endSending()
          return client.answer()
        }
      }
      return (answers, asked)
    }
  }

  private func answer(_ text: String) throws -> String? {
    try answers([text]).answers[0]
  }

  @Test func aRequestComesToTheHandlerDecoded() throws {
    let answer = try answer(
      "PUT //v1/exec%20utions/%C3%A4%2Fb/?x=1&x=%zz HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
    #expect(status(answer) == 200)
    #expect(body(answer) == #"PUT ["v1", "exec utions", "ä/b"] 5"# + "\n")
    #expect(answer?.contains("Connection: close\r\n") == true)
    #expect(answer?.contains("Content-Type: text/plain; charset=utf-8\r\n") == true)
  }

  @Test func headIsAnsweredAsGetWithoutTheBody() throws {
    let answer = try answer("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(status(answer) == 200)
    #expect(body(answer) == "")
    #expect(answer?.contains("Content-Length: \("GET [\"a\"] 0\n".utf8.count)\r\n") == true)
  }

  @Test func theOldVersionNeedsNoHost() throws {
    #expect(status(try answer("GET / HTTP/1.0\r\n\r\n")) == 200)
  }

  @Test func chunksAreJoinedAndTrailersReadOver() throws {
    let head = "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    let (answers, asked) = try answers([
      head + "5\r\nhello\r\n006;a=\"b\"\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n", head + "0\r\n\r\n",
    ])
    #expect(answers.map(status) == [200, 200])
    #expect(asked.all.map { $0.body.unsafeString() } == ["hello world", ""])
  }

  @Test(arguments: [
    "5\r\nhelloX", "x\r\n", "-1\r\n", "5 \r\nhello\r\n", "\r\n", "5\nhello\r\n0\r\n\r\n", "5;\u{1}\r\n",
    "0x5\r\nhello\r\n",
    "5\r\nhello\r\n0\r\nA: \u{0}\r\n\r\n", "+5\r\nhello",
  ])
  func malformedChunksAreRefused(_ chunks: String) throws {
    let (answers, asked) = try answers(["PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks])
    #expect(status(answers[0]) == 400)
    #expect(asked.all.isEmpty)
  }

  @Test func endlessChunkSizesExtensionsAndTrailersAreRefused() throws {
    let head = "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    let long = String(repeating: "a", count: 5000)
    let (answers, asked) = try answers([
      head + String(repeating: "0", count: 100) + "\r\n", head + String(repeating: "0", count: 5000),
      head + "ffffffff\r\n", head + "1;" + long, head + "0\r\nA: " + long,
    ])
    #expect(answers.map(status) == [413, 431, 413, 431, 431])
    #expect(asked.all.isEmpty)
  }

  /// Everything that two readers could understand in two ways, and plain rubbish.
  @Test(arguments: [
    "GET / HTTP/1.1\r\n\r\n",  // no Host
    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello",
    "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nhello",
    "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",  // obs-fold
    "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nX: \u{0}\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
    "GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.1\r\nHost: h\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
    "GET /\r\nHost: h\r\n\r\n", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n", " / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / http/1.1\r\nHost: h\r\n\r\n", "GET /% HTTP/1.1\r\nHost: h\r\n\r\n", "GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a%0ab HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a/%2e%2E/b HTTP/1.1\r\nHost: h\r\n\r\n", "GET /. HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "GET /ä HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /?a#b HTTP/1.1\r\nHost: h\r\n\r\n",
  ])
  func ambiguousAndMalformedRequestsAreRefused(_ text: String) throws {
    let (answers, asked) = try answers([text])
    #expect(status(answers[0]) == 400, "\(answers[0] ?? "no answer")")
    #expect(asked.all.isEmpty)
  }

  /// RFC 9112 §3.2.2: the target's authority stands in the place of Host. §2.2: a line break may precede the request line.
  @Test(
    arguments: [
      ("GET http://127.0.0.1:9090/metrics HTTP/1.1\r\nHost: 127.0.0.1:9090\r\n\r\n", 200, #"["metrics"]"#),
      ("GET http://127.0.0.1:9090/a/b%2Fc?d HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200, #"["a", "b/c"]"#),
      ("GET HTTP://LocalHost/metrics HTTP/1.1\r\nHost:\r\n\r\n", 200, #"["metrics"]"#),
      ("GET http://[::1] HTTP/1.1\r\nHost: [::1]\r\n\r\n", 200, "[]"),
      ("GET http://127.0.0.1?a/b HTTP/1.1\r\nHost: h\r\n\r\n", 200, "[]"),
      ("GET http://127.0.0.1/metrics HTTP/1.0\r\n\r\n", 200, #"["metrics"]"#),
      ("\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, #"["metrics"]"#),
      ("GET http://evil.example/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 403, nil),
      ("GET http://127.0.0.1.evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 403, nil),
      ("GET http://127.0.0.1:a/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 403, nil),
      ("\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, nil),
      ("GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", 400, nil),
      ("GET http://me@127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, nil),
      ("GET http:///metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, nil),
      ("GET http:/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, nil),
      ("GET http://127.0.0.1/a/../b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, nil),
      ("GET ftp://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, nil),
      ("\r\n GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, nil),
    ] as [(String, Int, String?)])
  func absoluteTargetsAndAnEmptyLineBeforeAreTaken(_ text: String, _ expected: Int, _ path: String?) throws {
    let answer = try withServer { server, _, _ in
      let port = Int(try freePorts(inARow: 1))
      try server.listen(tcp: "127.0.0.1", port: port) { .text("\($0.path)") }
      return try await onThread {
        let client = try RawClient(tcp: port)
        client.send(text.utf8)
        client.endSending()
        return client.answer()
      }
    }
    #expect(status(answer) == expected)
    #expect(path == nil || body(answer) == "\(path ?? "")\n")
  }

  @Test func whatIsNotSpokenHereHasItsStatus() throws {
    let (answers, asked) = try answers([
      "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chun\u{212a}ed\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n",
    ])
    #expect(answers.map(status) == [505, 501, 501, 417])
    #expect(asked.all.isEmpty)
  }

  @Test func whatIsTooLargeIsRefusedBeforeItIsRead() throws {
    let line = "X: " + String(repeating: "a", count: 100) + "\r\n"
    let (answers, asked) = try answers([
      "GET /" + String(repeating: "a", count: 20_000),
      "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: line, count: 400),
      "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "A:\r\n", count: 9000) + "\r\n",
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 16777217\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1000001\r\n",
    ])
    #expect(answers.map(status) == [431, 431, 431, 413, 413, 413])
    #expect(asked.all.isEmpty)
  }

  @Test func chunksMayBeMany() throws {
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    let (answers, asked) = try answers([head + String(repeating: "1\r\na\r\n", count: 20_000) + "0\r\n\r\n"])
    #expect(answers.map(status) == [200])
    #expect(asked.all.map { $0.body.count } == [20_000])
  }

  @Test func chunksTogetherStayBelowTheLimit() throws {
    var limits = LocalServerLimits()
    limits.bodyBytes = 8
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    let (answers, asked) = try answers(
      [head + "4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n", head + "4\r\nabcd\r\n5\r\nefghi\r\n0\r\n\r\n"], limits: limits)
    #expect(answers.map(status) == [200, 413])
    #expect(asked.all.map { $0.body.count } == [8])
  }

  @Test func aRequestThatEndsEarlyIsNobodys() throws {
    let whole = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    let cuts = (0..<whole.utf8.count).map { String(decoding: Array(whole.utf8).prefix($0), as: UTF8.self) }
    let (answers, asked) = try answers(cuts)
    #expect(answers.allSatisfy { $0 == "" })
    #expect(asked.all.isEmpty)
  }

  @Test func aRequestMayComeInPieces() throws {
    let answer = try withServer { _, path, _ in
      try await onThread {
        let client = try RawClient(unix: path)
        for byte in "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8 {
          client.send([byte])
        }
        return client.answer()
      }
    }
    #expect(body(answer) == "PUT [\"a\"] 5\n")
  }

  @Test func whatFollowsARequestIsNoSecondOne() throws {
    let one = "GET /one HTTP/1.1\r\nHost: h\r\n\r\n"
    let (answers, asked) = try answers([
      one + "GET /two HTTP/1.1\r\nHost: h\r\n\r\n", one + String(repeating: "\u{0}rubbish", count: 10_000),
      "PUT /one HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET /two HTTP/1.1\r\nHost: h\r\n\r\n",
    ])
    #expect(answers.map(status) == [200, 200, 200])
    #expect(asked.all.map(\.path) == [["one"], ["one"], ["one"]])
    #expect(answers.allSatisfy { ($0 ?? "").components(separatedBy: "HTTP/1.1 ").count == 2 })
  }

  @Test func randomBytesNeverReachTheHandlerNorEndTheServer() throws {
    var generator = SystemRandomNumberGenerator()
    let pieces = [
      "GET ", "/", "%", "\r\n", "\r", "\n", ":", " HTTP/1.1", "Host: h", "\u{0}", "Content-Length: ", "1", "é", ";",
    ]
    let texts = (0..<300).map { _ in
      (0..<Int.random(in: 1...12, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }
        .joined()
    }
    let (answers, _) = try answers(texts + ["GET /last HTTP/1.1\r\nHost: h\r\n\r\n"])
    #expect(status(answers.last ?? nil) == 200)
  }
}
