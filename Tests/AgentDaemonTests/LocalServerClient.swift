import AgentDaemon
import EventLoop
import Foundation
import Glibc
import Logging
import SecretBytes
import Synchronization
import TestSupport
import Testing

/// A folder of a test's own, short enough for a socket's path.
final class ShortFolder: Sendable {
  let root: String

  init() {
    var template = Array("/tmp/agent-XXXXXX".utf8CString)
    root = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
    chmod(root, 0o755)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: root)
  }

  func path(_ name: String) -> String { root + "/" + name }
}

/// A client that says what it likes, on a thread of its own.
final class RawClient {
  private let descriptor: Int32

  init(unix path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    try connect(&address)
  }

  init(tcp port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    try connect(&address)
  }

  private func connect<Address>(_ address: inout Address) throws {
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    try #require(result == 0, "connect: \(String(cString: strerror(errno)))")
    // A server that never answers fails the test, and does not hold it.
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    close(descriptor)
  }

  /// False where the server no longer takes it.
  @discardableResult
  func send(_ bytes: some Sequence<UInt8>) -> Bool {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else {
        return false
      }
      rest = rest.dropFirst(count)
    }
    return true
  }

  func endSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Everything up to the server's end, or `nil` where it does not come.
  func answer() -> String? {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET && !all.isEmpty) {
        return String(decoding: all, as: UTF8.self)
      }
      guard count > 0 else {
        return nil
      }
      all += buffer.prefix(count)
    }
  }

  /// What comes first, without waiting for the end.
  func some() -> String {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }
}

/// The number in an answer's status line; -1 without one.
func status(_ answer: String?) -> Int {
  let parts = (answer ?? "").split(separator: " ", maxSplits: 2)
  return parts.count > 1 && parts[0] == "HTTP/1.1" ? Int(parts[1]) ?? -1 : -1
}

func body(_ answer: String?) -> String {
  guard let answer, let end = answer.range(of: "\r\n\r\n") else {
    return ""
  }
  return String(answer[end.upperBound...])
}

/// The methods and paths that handlers were asked, in order.
final class Asked: Sendable {
  private let requests = Mutex<[APIRequest]>([])

  var all: [APIRequest] { requests.withLock { $0 } }

  func note(_ request: APIRequest) {
    requests.withLock { $0.append(request) }
  }
}

/// Root and the agent's own user alone.
let nobody = PeerRule(users: [], groups: [])

/// A server with a Unix socket whose handler tells what it was asked.
func withServer<Outcome: Sendable>(
  limits: LocalServerLimits = .init(), handler: LocalServer.Handler? = nil,
  _ body: @escaping @Sendable (LocalServer, String, Asked) async throws -> Outcome
) throws -> Outcome {
  let loop = try EventLoop()
  let folder = ShortFolder()
  let asked = Asked()
  let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  return try loop.run { () async -> Result<Outcome, any Error> in
    let server = LocalServer(loop: loop, log: log, limits: limits)
    let path = folder.path("api.sock")
    do {
      try server.listen(unix: path, mode: 0o600, group: nil, readers: nobody, operators: nobody) { request in
        asked.note(request)
        if let handler {
          return await handler(request)
        }
        return .text("\(request.method) \(request.path) \(request.body.count)")
      }
      let outcome = try await body(server, path, asked)
      await server.close()
      return .success(outcome)
    } catch {
      await server.close()
      return .failure(error)
    }
  }.get()
}
