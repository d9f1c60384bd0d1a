import Foundation
import Glibc
import Synchronization

/// A server on a socket of this machine that does, byte for byte, what a test's script says: each connection runs the script on a
/// thread of its own, and is closed when the script returns.
final class RawServer: Sendable {
  typealias Script = @Sendable (RawConnection) -> Void

  enum Place: Sendable {
    /// An IPv4 address and an ephemeral port.
    case address(String)
    case unixSocket(String)
  }

  /// 0 for a Unix socket.
  let port: Int
  private let listener: Int32
  private let log: ConnectionLog

  /// Connections that were accepted so far.
  var connectionCount: Int { log.count }
  /// Requests that were read so far, each as its bytes, in the order in which they came.
  var requests: [String] { log.requests }
  var origin: String { "http://127.0.0.1:\(port)" }

  /// Answers every request of every connection with `answer`.
  static func answering(_ answer: String, at place: Place = .address("127.0.0.1")) throws -> RawServer {
    try RawServer(at: place) { connection in
      while connection.readRequest() != nil {
        connection.send(answer)
      }
    }
  }

  init(at place: Place = .address("127.0.0.1"), _ script: @escaping Script) throws {
    let listener = try place.listen()
    let log = ConnectionLog()
    self.listener = listener
    self.log = log
    self.port = place.port(of: listener)
    Thread.detachNewThread {
      while true {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else {
          // Not before: the number could be another server's by then.
          close(listener)
          return
        }
        let connection = RawConnection(descriptor, number: log.add(descriptor), log)
        Thread.detachNewThread {
          script(connection)
          connection.close()
        }
      }
    }
  }

  deinit {
    // Wakes the thread in accept, and those that read.
    shutdown(listener, Int32(SHUT_RDWR))
    log.shutDownAll()
  }
}

/// What the threads of one server share.
final class ConnectionLog: Sendable {
  private struct State {
    var count = 0
    var open: Set<Int32> = []
    var requests: [String] = []
  }

  private let state = Mutex(State())

  var count: Int { state.withLock { $0.count } }
  var requests: [String] { state.withLock { $0.requests } }

  func add(_ descriptor: Int32) -> Int {
    state.withLock { state in
      state.count += 1
      state.open.insert(descriptor)
      return state.count
    }
  }

  func note(_ request: String) {
    state.withLock { $0.requests.append(request) }
  }

  func close(_ descriptor: Int32) {
    state.withLock { state in
      if state.open.remove(descriptor) != nil {
        Glibc.close(descriptor)
      }
    }
  }

  func shutDownAll() {
    state.withLock { state in
      for descriptor in state.open {
        shutdown(descriptor, Int32(SHUT_RDWR))
      }
    }
  }
}

extension RawServer.Place {
  fileprivate func listen() throws -> Int32 {
    switch self {
    case .address(let address):
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_addr.s_addr = inet_addr(address)
      return try Self.listen(AF_INET, &name)
    case .unixSocket(let path):
      var name = sockaddr_un()
      name.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
      return try Self.listen(AF_UNIX, &name)
    }
  }

  private static func listen<Name>(_ family: Int32, _ name: inout Name) throws -> Int32 {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let isBound = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<Name>.size))
      }
    }
    guard descriptor >= 0, isBound == 0, Glibc.listen(descriptor, 128) == 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    return descriptor
  }

  fileprivate func port(of listener: Int32) -> Int {
    guard case .address = self else {
      return 0
    }
    var name = sockaddr_in()
    var count = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &count) }
    }
    return Int(UInt16(bigEndian: name.sin_port))
  }
}
