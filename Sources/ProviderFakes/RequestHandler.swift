import Glibc
import NIOCore
import NIOHTTP1

/// One connection of a fake: gathers a request, answers it, or does what a fault says.
final class RequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// What all connections of a server share.
  struct Shared: Sendable {
    let recorder: RequestRecorder
    let faults: FaultTable
    let connections: ConnectionCount
    let answer: FakeServer.Answer
  }

  private static let maximumBody = 16 * 1024 * 1024

  private let shared: Shared
  private let connection: Int
  private var head: HTTPRequestHead?
  private var body = ByteBuffer()

  init(_ shared: Shared, connection: Int) {
    self.shared = shared
    self.connection = connection
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body.clear()
    case .body(var part):
      guard body.readableBytes + part.readableBytes <= Self.maximumBody else {
        return context.close(promise: nil)
      }
      body.writeBuffer(&part)
    case .end:
      if let head {
        respond(to: request(head), context)
      }
      head = nil
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A client that breaks off, or a handshake that fails: the client's test sees it.
    context.close(promise: nil)
  }

  private func request(_ head: HTTPRequestHead) -> RecordedRequest {
    let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var query: [String: String] = [:]
    for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let sides = pair.split(separator: "=", maxSplits: 1)
      query[Self.decoded(sides[0])] = sides.count > 1 ? Self.decoded(sides[1]) : ""
    }
    var headers: [String: String] = [:]
    for (name, value) in head.headers {
      headers[name.lowercased()] = value
    }
    return RecordedRequest(
      method: head.method.rawValue, path: Self.decoded(parts.first ?? ""), query: query,
      rawQuery: parts.count > 1 ? String(parts[1]) : "", headers: headers, body: String(buffer: body),
      connection: connection)
  }

  /// Without percent-encoding.
  static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: - Answers and faults

  private func respond(to request: RecordedRequest, _ context: ChannelHandlerContext) {
    let isAdministration = request.path.hasPrefix("/_fake/")
    if !isAdministration {
      shared.recorder.add(request)
    }
    guard !isAdministration, let fault = shared.faults.fault(for: request) else {
      return write(shared.answer(request), context)
    }
    switch fault {
    case .status(let status):
      write(.json(status, #"{"errors":["fault on demand"]}"#), context)
    case .retryAfter(let status, let seconds):
      write(
        FakeReply(
          status: status, headers: [("Retry-After", String(seconds))], body: #"{"errors":["too many requests"]}"#),
        context)
    case .delay(let milliseconds):
      let reply = shared.answer(request)
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      context.eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
        bound.value.0.write(reply, bound.value.1)
      }
    case .hang:
      break
    case .reset:
      reset(context)
    case .truncated:
      truncate(shared.answer(request), context)
    case .html(let status):
      write(
        FakeReply(
          status: status, headers: [("Content-Type", "text/html")], body: "<html><body>It works!</body></html>"),
        context)
    case .huge(let count):
      stream(count, context)
    case .garbage:
      raw("\u{1}\u{2}\u{3} this is no HTTP\r\n\r\n", context)
    case .redirect(let location):
      write(FakeReply(status: 307, headers: [("Location", location)], body: ""), context)
    case .reply(let status, let body):
      write(FakeReply(status: status, body: body), context)
    case .malformedJSON:
      write(.json(200, #"{"data": {"data": {"a": "#), context)
    }
  }

  private func write(_ reply: FakeReply, _ context: ChannelHandlerContext) {
    var headers = HTTPHeaders(reply.headers)
    headers.replaceOrAdd(name: "Content-Length", value: String(reply.body.utf8.count))
    let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: reply.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  /// The length of the whole body, and half of it.
  private func truncate(_ reply: FakeReply, _ context: ChannelHandlerContext) {
    let half = String(reply.body.prefix(reply.body.count / 2))
    raw(
      "HTTP/1.1 \(reply.status) OK\r\nContent-Type: application/json\r\nContent-Length: \(reply.body.utf8.count)\r\n\r\n\(half)",
      context)
  }

  private func stream(_ count: Int, _ context: ChannelHandlerContext) {
    let head = HTTPResponseHead(
      version: .http1_1, status: .ok, headers: ["Content-Type": "application/json", "Transfer-Encoding": "chunked"])
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    push(ByteBuffer(repeating: UInt8(ascii: " "), count: 64 * 1024), count, context)
  }

  /// A chunk at a time, so that a hundred megabytes are never held.
  private func push(_ chunk: ByteBuffer, _ left: Int, _ context: ChannelHandlerContext) {
    guard left > 0, context.channel.isActive else {
      return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(chunk)))).whenSuccess {
      bound.value.0.push(chunk, left - chunk.readableBytes, bound.value.1)
    }
  }

  /// Bytes past the HTTP encoder, then the end of the connection.
  private func raw(_ text: String, _ context: ChannelHandlerContext) {
    guard let encoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self) else {
      return context.close(promise: nil)
    }
    encoder.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
    context.close(promise: nil)
  }

  /// Lingering for no time makes close(2) send a reset.
  private func reset(_ context: ChannelHandlerContext) {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    guard let socket = context.channel as? any SocketOptionProvider else {
      return context.close(promise: nil)
    }
    socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
      bound.value.channel.close(promise: nil)
    }
  }
}
