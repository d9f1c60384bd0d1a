import EventLoop
import HTTPTransport
import Logging
import SecretBytes
import Synchronization
import Testing
import Text

/// Keeps what is logged, each line with all of its metadata.
private final class LogBook: Sendable {
  struct Line: Sendable {
    let message: String
    let metadata: [String: String]
  }

  private let kept = Mutex<[Line]>([])

  var lines: [Line] { kept.withLock { $0 } }
  var logger: Logger {
    var logger = Logger(label: "book") { _ in Handler(book: self) }
    logger.logLevel = .trace
    return logger
  }

  func add(_ line: Line) {
    kept.withLock { $0.append(line) }
  }

  private struct Handler: LogHandler {
    let book: LogBook
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      book.add(Line(message: "\(event.message)", metadata: (event.metadata ?? [:]).mapValues { "\($0)" }))
    }
  }
}

@Suite(.timeLimit(.minutes(15)))
struct LogLineTests {
  private static let marker = "marker-e41d"

  private static func call(_ address: String, _ book: LogBook, limit: Int = 1024) throws {
    try onLoop { loop async throws in
      let client = HTTPClient(loop: loop, options: HTTPClientOptions(), log: book.logger)
      _ = try? await client.send(
        HTTPRequest(
          method: .post, url: try HTTPURL(parsing: address), headers: [HTTPHeader("X-Vault-Token", marker)],
          body: SecretBytes(marker), maximumResponseBytes: limit))
    }
  }

  private static func expectNoMarker(_ book: LogBook, sourceLocation: SourceLocation = #_sourceLocation) {
    for line in book.lines {
      #expect(!line.message.contains(marker), sourceLocation: sourceLocation)
      #expect(!"\(line.metadata)".contains(marker), sourceLocation: sourceLocation)
    }
  }

  @Test func aCallIsOneLineWithoutHeadersBodiesOrQuery() throws {
    let server = try RawServer.answering(
      "HTTP/1.1 418 \(Self.marker)\r\nX-Secret: \(Self.marker)\r\nContent-Length: 11\r\n\r\n\(Self.marker)")
    let book = LogBook()
    try Self.call(server.origin + "/v1/auth/login?token=\(Self.marker)", book)
    #expect(server.requests.first?.contains(Self.marker) == true)
    let line = try #require(book.lines.first)
    #expect(book.lines.count == 1)
    #expect(Set(line.metadata.keys) == ["method", "host", "path", "status", "duration_seconds"])
    #expect(line.metadata["method"] == "POST")
    #expect(line.metadata["host"] == "127.0.0.1:\(server.port)")
    #expect(line.metadata["path"] == "/v1/auth/login")
    #expect(line.metadata["status"] == "418")
    #expect(line.metadata["duration_seconds"]?.hasSuffix(" seconds") == true)
    Self.expectNoMarker(book)
  }

  @Test(arguments: ["\(marker) is not HTTP\r\n\r\n", "HTTP/1.1 200 OK\r\nX-\(marker)\u{0}: \(marker)\r\n\r\n", ""])
  func aFailedCallIsALineWithoutStatus(_ bytes: String) throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send(bytes)
    }
    let book = LogBook()
    try Self.call(server.origin + "/v1/x", book)
    #expect(book.lines.map { $0.metadata["status"] } == ["none"])
    Self.expectNoMarker(book)
  }

  @Test(arguments: [
    "\(marker) is not HTTP\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: \(marker)\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n\(marker)",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(marker)\r\n", "HTTP/1.1 \(marker)\r\n\r\n",
  ])
  func aFailureRepeatsNothingThatWasSentOrCame(_ bytes: String) throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send(bytes)
    }
    let failure = try onLoop { loop async throws in
      try await loop.client().failure(
        server.origin + "/v1/x?token=\(Self.marker)", headers: [HTTPHeader("X-Token", Self.marker)])
    }
    #expect(!failure.description.contains(Self.marker))
    #expect(!"\(failure)\(failure.detail)".contains(Self.marker))
  }
}
