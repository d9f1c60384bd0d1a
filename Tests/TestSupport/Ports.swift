import Glibc

/// A loopback port that nobody listens on: bound, so that nobody else gets it while this object lives, but not listening; or
/// listening with a full queue, so that the kernel drops what asks for a connection.
package final class DeadPort: Sendable {
  package let port: UInt16
  private let descriptors: [Int32]

  package init(listens: Bool) throws {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let holder = socket(AF_INET, kind, 0)
    var descriptors = [holder]
    let port = bound(holder, to: 0)
    if listens, let port {
      listen(holder, 0)
      for _ in 0..<8 {
        let filler = socket(AF_INET, kind, 0)
        _ = withLoopback(port) { connect(filler, $0, $1) }
        descriptors.append(filler)
      }
    }
    self.descriptors = descriptors
    guard let port else { throw NoFreePorts() }
    self.port = port
  }

  deinit {
    for descriptor in descriptors {
      close(descriptor)
    }
  }
}

package struct NoFreePorts: Error {
  package init() {}
}

/// The first of `count` free loopback ports in a row. Below the range that the kernel gives out (`ip_local_port_range` begins at
/// 32768), so that no server and no connection of another test gets one of them between this look and its use.
package func freePorts(inARow count: UInt16) throws -> UInt16 {
  for _ in 0..<100 {
    let first = UInt16.random(in: 20_000...32_000)
    if (0..<count).allSatisfy({ isFree(first + $0) }) { return first }
  }
  throw NoFreePorts()
}

private func isFree(_ port: UInt16) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  guard descriptor >= 0 else { return false }
  defer { close(descriptor) }
  return bound(descriptor, to: port) != nil
}

/// The port that the socket has then; nil where it cannot have it.
private func bound(_ descriptor: Int32, to port: UInt16) -> UInt16? {
  guard withLoopback(port, { bind(descriptor, $0, $1) }) == 0 else { return nil }
  var name = sockaddr_in()
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isNamed = withUnsafeMutablePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) == 0 }
  }
  return isNamed ? UInt16(bigEndian: name.sin_port) : nil
}

private func withLoopback(_ port: UInt16, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  name.sin_port = port.bigEndian
  return withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
  }
}
