import EventLoop
import SecretBytes
import Text

/// One connection to the local API: a request, its answer, the end.
struct LocalConnection: Sendable {
  let socket: LoopSocket
  let limits: LocalServerLimits
  /// Over a Unix socket, where the Host header means nothing: no web page comes there.
  let isLocal: Bool
  let peer: APIPeer

  /// Reads the request, has it handled and sends the answer.
  func serve(_ handler: LocalServer.Handler) async {
    do throws(RequestFault) {
      let deadline = socket.loop.now.advanced(by: limits.requestTime)
      var input = RequestInput(socket: socket, deadline: deadline, lineBytes: limits.headBytes)
      let head = try await RequestHead(&input)
      guard isLocal || Self.isLoopback(head.authority ?? "") else {
        throw .refused(403, "the Host header must be a loopback address or localhost")
      }
      let body = try await input.body(of: head, atMost: isLocal ? limits.bodyBytes : 0)
      let isHead = head.method == "HEAD"
      let request = APIRequest(
        method: isHead ? "GET" : head.method, path: head.path, query: head.query, body: body, peer: peer)
      await send(await handler(request), withoutBody: isHead)
    } catch .refused(let status, let reason) {
      await send(.text(reason, status: status))
    } catch {}
  }

  /// Whether a Host header (RFC 9110 §7.2) names this machine by what no other machine's name resolves to, written out as it is
  /// understood: `127.1` is not.
  private static func isLoopback(_ authority: String) -> Bool {
    guard let url = try? HTTPURL(parsing: "http://\(authority)/") else {
      return false
    }
    return url.isLoopbackHost && url.path == "/" && url.query == nil && authority.hasPrefix(url.host)
  }

  /// Sends the answer, and waits a little for the client to have it.
  func send(_ response: APIResponse, withoutBody: Bool = false) async {
    let deadline = socket.loop.now.advanced(by: limits.responseTime)
    if await socket.write(response.head, until: deadline),
      await socket.write(withoutBody ? SecretBytes() : response.body, until: deadline)
    {
      await socket.linger(until: socket.loop.now.advanced(by: limits.lingerTime))
    }
  }
}
