import Glibc

/// A TCP connection to a local port, without HTTP: it shows what really comes over the wire.
final class RawConnection: Sendable {
  struct End: Equatable {
    /// Everything that came.
    let text: String
    /// `errno` of the last read; 0 where the other side closed in order.
    let error: Int32
  }

  struct Fault: Error {
    let code: Int32
  }

  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else {
      throw Fault(code: errno)
    }
  }

  deinit {
    close(descriptor)
  }

  func send(_ text: String) throws {
    let bytes = Array(text.utf8)
    guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw Fault(code: errno)
    }
  }

  /// Whether it is open and nothing has come.
  var isSilent: Bool {
    var byte: UInt8 = 0
    return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT | MSG_PEEK)) == -1 && errno == EAGAIN
  }

  /// Reads until the other side ends the connection.
  func readToEnd() -> End {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else {
        return End(text: String(decoding: text, as: UTF8.self), error: count == 0 ? 0 : errno)
      }
      text += buffer.prefix(count)
    }
  }
}
