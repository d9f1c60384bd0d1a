import EventLoop
import SecretBytes
import Text

/// What a client sends, read to the last byte of one request and no further, in bounded time and memory.
struct RequestInput: ~Copyable {
  let socket: LoopSocket
  let deadline: Moment
  /// How many bytes of lines may still come.
  var lineBytes: Int
  /// What has come and is not read yet.
  var pending = SecretBytes()
  var hasBegun = false

  /// At most `count` bytes, as soon as there are some.
  private mutating func some(_ count: Int) async throws(RequestFault) -> SecretBytes {
    if pending.isEmpty {
      guard let bytes = await socket.read(until: deadline) else {
        let isLate = hasBegun && socket.loop.now >= deadline
        throw isLate ? .refused(408, "the request did not come in time") : .gone
      }
      (pending, hasBegun) = (bytes, true)
    }
    defer { pending = pending.slice(min(count, pending.count)..<pending.count) }
    return pending.slice(0..<count)
  }

  private mutating func byte() async throws(RequestFault) -> UInt8 {
    try await some(1).withUnsafeBytes { $0.first } ?? 0
  }

  private mutating func expect(_ byte: UInt8) async throws(RequestFault) {
    guard try await self.byte() == byte else {
      throw .bad("the request holds a line or a chunk that does not end in CRLF")
    }
  }

  /// The next line without its CRLF: no part of it is a control character, or a CR or LF alone.
  mutating func line() async throws(RequestFault) -> [UInt8] {
    var line: [UInt8] = []
    while case let next = try await byte(), next != 0x0d {
      guard !next.isControl || next == 0x09 else {
        throw .bad("the request holds a control character or a line that does not end in CRLF")
      }
      guard lineBytes > 0 else {
        throw .refused(431, "the request's headers are too large")
      }
      lineBytes -= 1
      line.append(next)
    }
    try await expect(0x0a)
    return line
  }

  // MARK: - Bodies

  /// The body of the length that the head says, or of its chunks (RFC 9112 §7.1).
  mutating func body(of head: RequestHead, atMost limit: Int) async throws(RequestFault) -> SecretBytes {
    var body = SecretBuffer()
    try Self.check(head.length ?? 0, limit)
    if head.expectsContinue, pending.isEmpty {
      _ = await socket.write(SecretBytes("HTTP/1.1 100 Continue\r\n\r\n"), until: deadline)
    }
    if let length = head.length {
      try await append(length, to: &body)
      return body.finish()
    }
    // For extensions and trailers together, which are read over.
    lineBytes = 4096
    while let size = try await chunkSize() {
      try Self.check(size, limit - body.count)
      try await append(size, to: &body)
      try await expect(0x0d)
      try await expect(0x0a)
    }
    while try await !line().isEmpty {}
    return body.finish()
  }

  private static func check(_ count: Int, _ limit: Int) throws(RequestFault) {
    guard count <= limit else {
      throw .refused(413, "the request's body is too large")
    }
  }

  private mutating func append(_ count: Int, to body: inout SecretBuffer) async throws(RequestFault) {
    let end = body.count + count
    while body.count < end {
      body.append(try await some(end - body.count))
    }
  }

  /// `nil` for the last one, which is empty.
  private mutating func chunkSize() async throws(RequestFault) -> Int? {
    let digits = try await line().prefix { $0 != UInt8(ascii: ";") }
    guard !digits.isEmpty, digits.allSatisfy(\.isHexadecimal) else {
      throw .bad("the request's chunks are malformed")
    }
    // More digits than any size here has; leading zeros have no end either.
    try Self.check(digits.count, 8)
    lineBytes += digits.count
    let size = digits.reduce(0) { $0 << 4 | Int($1.hexadecimalValue ?? 0) }
    return size == 0 ? nil : size
  }
}

/// Why a request is not given to the handler.
enum RequestFault: Error, Equatable {
  /// The client left, or never said anything.
  case gone
  /// A status, and one line for the client, which holds nothing of what it sent.
  case refused(Int, String)

  static func bad(_ reason: String) -> RequestFault { .refused(400, reason) }
}
