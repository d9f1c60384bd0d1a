import Foundation
import Glibc
import Synchronization
import TestSupport

/// systemd 252's side of a unit with `Type=notify` and `NotifyAccess=main`, as its manager and service code (src/core) treat
/// datagrams to `$NOTIFY_SOCKET`: who sent one is known by its credentials, the last of READY, RELOADING and STOPPING in it wins, and
/// what 252 has no name for is passed over. Messages are read as they come: a socket's queue holds ten (net.unix.max_dgram_qlen).
final class ServiceManagerDouble: Sendable {
  /// Of the unit; `reload` is either of its ways, by the service's own word or by `ExecReload=`.
  enum State: Sendable { case start, running, reload, stop }

  /// What one message may be long (PIPE_BUF); a longer one is dropped.
  private static let longest = 4096

  private struct Unit {
    var main: pid_t = 0
    /// `ExecReload=` is under way.
    var hasControl = false
    var history: [State] = [.start]
    /// READY, RELOADING or STOPPING, whichever was last.
    var told = ""
    var keepalives = 0
    var status = ""
    /// Keys that 252 does not know.
    var unknown: Set<String> = []
    /// Messages that were dropped, with the reason.
    var dropped: [String] = []

    var state: State { history.last ?? .start }

    mutating func enterRunning() {
      history.append(.running)
      if told == "RELOADING" { history.append(.reload) }
    }

    mutating func take(_ message: String, from sender: pid_t) {
      guard sender == main else {
        return dropped.append("process \(sender): \(message)")
      }
      let lines = message.split(separator: "\n").map(String.init)
      if let last = lines.last(where: { ["READY=1", "RELOADING=1", "STOPPING=1"].contains($0) }) {
        told = String(last.dropLast(2))
        switch (told, state) {
        case ("READY", .start): enterRunning()
        case ("READY", .reload) where !hasControl: enterRunning()
        case ("RELOADING", .running): history.append(.reload)
        case ("STOPPING", .running): history.append(.stop)
        default: break
        }
      }
      for line in lines {
        switch line.prefix(while: { $0 != "=" }) {
        case "READY", "RELOADING", "STOPPING": break
        case "WATCHDOG" where line == "WATCHDOG=1": keepalives += 1
        case "STATUS": status = String(line.dropFirst("STATUS=".count))
        case let key: unknown.insert(String(key))
        }
      }
    }
  }

  let path: String
  private let descriptor: Int32
  private let unit = Mutex(Unit())

  init() throws {
    path = NSTemporaryDirectory() + "sa-notify-\(UUID().uuidString.prefix(8))"
    descriptor = socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &one, 4)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0 else { throw Broken("no socket at \(path)") }
  }

  deinit {
    close(descriptor)
    unlink(path)
  }

  /// The unit's main process, once it is started; its messages are read from then on, until nobody has the double any more.
  func started(_ main: pid_t) {
    unit.withLock { $0.main = main }
    let descriptor = descriptor
    Thread { [weak self] in
      while let double = self {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&wanted, 1, 100)
        double.readAll()
      }
    }.start()
  }

  /// `systemctl reload`: `ExecReload=` is started.
  func beginsReload() {
    readAll()
    unit.withLock {
      $0.hasControl = true
      $0.history.append(.reload)
    }
  }

  /// `ExecReload=` has ended, whatever its status: the unit runs on. What came before that is read first, as its event has the
  /// higher priority.
  func endsReload() {
    readAll()
    unit.withLock {
      $0.hasControl = false
      $0.enterRunning()
    }
  }

  var state: State { read(\.state) }
  var history: [State] { read(\.history) }
  var told: String { read(\.told) }
  var status: String { read(\.status) }
  var keepalives: Int { read(\.keepalives) }
  var unknown: Set<String> { read(\.unknown) }
  var dropped: [String] { read(\.dropped) }

  private func read<Value: Sendable>(_ path: KeyPath<Unit, Value> & Sendable) -> Value {
    readAll()
    return unit.withLock { $0[keyPath: path] }
  }

  private func readAll() {
    unit.withLock { unit in
      guard unit.main != 0 else { return }
      while let (message, sender) = next() {
        guard message.utf8.count <= Self.longest else {
          unit.dropped.append("too long: \(message)")
          continue
        }
        unit.take(message, from: sender)
      }
    }
  }

  /// The next message and its sender's process, `nil` where none has come.
  private func next() -> (String, pid_t)? {
    var bytes = [UInt8](repeating: 0, count: Self.longest + 1)
    // One header of control data, and a `struct ucred` (unix(7)): three numbers of four bytes, the process first.
    var control = [UInt64](repeating: 0, count: 8)
    return bytes.withUnsafeMutableBytes { bytes in
      control.withUnsafeMutableBytes { control in
        var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &part) { part in
          var header = msghdr()
          header.msg_iov = part
          header.msg_iovlen = 1
          header.msg_control = control.baseAddress
          header.msg_controllen = control.count
          let count = recvmsg(descriptor, &header, 0)
          guard count >= 0 else { return nil }
          let size = MemoryLayout<cmsghdr>.size
          let isNamed = header.msg_controllen >= size + 12
          let sender = isNamed ? control.load(fromByteOffset: size, as: pid_t.self) : 0
          return (String(decoding: bytes.prefix(count), as: UTF8.self), sender)
        }
      }
    }
  }
}
