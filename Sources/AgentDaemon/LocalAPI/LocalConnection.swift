import EventLoop
import SecretBytes

/// One connection to the local API: a request, its answer, the end.
struct LocalConnection: Sendable {
  let socket: LoopSocket
  let loop: EventLoop
  let limits: LocalServerLimits
  let bodyLimit: Int
  let peer: PeerCredentials?
  /// Over a Unix socket, where the Host header means nothing.
  let isLocal: Bool

  /// Reads the request, has it handled and sends the answer.
  func serve(_ handler: LocalServer.Handler) async {
    let deadline = loop.now.advanced(by: limits.requestTime)
    let response: APIResponse
    var isHead = false
    do throws(RequestFault) {
      guard let (method, request) = try await request(until: deadline) else {
        return
      }
      isHead = method == "HEAD"
      response = await handler(request)
    } catch {
      response = error.response
    }
    await send(response, withoutBody: isHead)
  }

  /// Answers without reading anything.
  func refuse(_ response: APIResponse) async {
    await send(response, withoutBody: false)
  }

  /// The method as sent and the request, or `nil` where the peer left, or never said anything.
  private func request(until deadline: Moment) async throws(RequestFault) -> (String, APIRequest)? {
    var reader = RequestReader(headLimit: limits.headBytes)
    var isContinued = false
    while !reader.isDone {
      let count = try socket.read { (bytes) throws(RequestFault) in
        try reader.take(bytes) { (head) throws(RequestFault) in try admit(head) }
      }
      if count == 0 {
        return nil
      }
      if let head = reader.head, head.expectsContinue, !isContinued, !reader.isDone {
        isContinued = true
        guard await socket.write(SecretBytes("HTTP/1.1 100 Continue\r\n\r\n"), until: deadline) else {
          return nil
        }
      }
      guard count == nil else {
        // Other tasks have their turn, however much this peer sends.
        await socket.giveWay()
        guard loop.now < deadline else {
          throw Self.late
        }
        continue
      }
      switch await socket.wait(for: .readable, until: deadline) {
      case .ready: continue
      case .ended: return nil
      case .late:
        guard !reader.isEmpty else {
          return nil
        }
        throw Self.late
      }
    }
    guard let head = reader.head else {
      return nil
    }
    let request = APIRequest(
      method: head.method == "HEAD" ? "GET" : head.method, path: head.target.path, query: head.target.query,
      body: reader.takeBody(), peer: peer)
    return (head.method, request)
  }

  private static let late = RequestFault(status: 408, reason: "the request did not come in time")

  /// How large this request's body may be.
  private func admit(_ head: RequestHead) throws(RequestFault) -> Int {
    guard isLocal || head.host.map(LoopbackHost.isOne) ?? false else {
      throw RequestFault(status: 403, reason: "the Host header must be a loopback address or localhost")
    }
    return bodyLimit
  }

  private func send(_ response: APIResponse, withoutBody: Bool) async {
    let deadline = loop.now.advanced(by: limits.responseTime)
    guard await socket.write(SecretBytes(response.head()), until: deadline) else {
      return
    }
    if !withoutBody, response.hasBody {
      guard await socket.write(response.body, until: deadline) else {
        return
      }
    }
    await socket.linger(until: loop.now.advanced(by: limits.lingerTime))
  }
}
