import EventLoop
import Glibc
import SecretBytes

@testable import AgentDaemon

/// A request to the local API, head and body.
struct RequestTarget: FuzzTarget {
  static let name = "Request"

  private static let headBytes = 1024
  private static let bodyBytes = 4096

  /// What one request came to.
  private enum Outcome: Equatable {
    case request(method: String, path: [String], authority: String?, body: SecretBytes)
    case refused(RequestFault)
  }

  private let loop: EventLoop

  init() throws {
    loop = try EventLoop(transfers: 1)
  }

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let whole = try outcome(of: input, cutAt: input.count)
    // Longer ones would not fit into the socket's buffer.
    if input.count <= 32 * 1024 {
      let inTwo = try outcome(of: input, cutAt: input.count / 2)
      try hold(inTwo == whole, "where the bytes are cut changes nothing")
    }
    switch whole {
    case .request(let method, let path, _, let body):
      try hold(!method.isEmpty && method.utf8.allSatisfy { (0x21...0x7e).contains($0) }, "a method is a word")
      try hold(path.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }, "a path leads down only")
      try hold(path.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } }, "a path is printable")
      try hold(body.count <= Self.bodyBytes, "a body has its bound")
      return true
    case .refused(.refused(let status, let reason)):
      try hold((400...599).contains(status) && !reason.isEmpty, "a refusal has a status and says why")
      return false
    case .refused(.gone):
      return false
    }
  }

  /// The first `cut` bytes have come; the others lie in the socket, whose other end is closed.
  private func outcome(of input: SecretBytes, cutAt cut: Int) throws(BrokenProperty) -> Outcome {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0 else {
      throw BrokenProperty(description: "a pair of sockets can be made")
    }
    defer { close(ends[0]) }
    let rest = input.slice(cut..<input.count)
    let sent = rest.withUnsafeBytes { $0.isEmpty ? 0 : send(ends[1], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    close(ends[1])
    try hold(sent == rest.count, "the socket takes the bytes")
    let (loop, socket) = (loop, LoopSocket(descriptor: ends[0], loop: loop))
    let first = input.slice(0..<cut)
    return loop.run {
      var input = RequestInput(
        socket: socket, deadline: loop.now.advanced(by: .seconds(600)), lineBytes: Self.headBytes, pending: first,
        hasBegun: true)
      do throws(RequestFault) {
        let head = try await RequestHead(&input)
        let body = try await input.body(of: head, atMost: Self.bodyBytes)
        return .request(method: head.method, path: head.path, authority: head.authority, body: body)
      } catch {
        return .refused(error)
      }
    }
  }
}
