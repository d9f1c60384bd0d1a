import Files
import Glibc
import Text

/// A socket that listens, and how it was made: close-on-exec, non-blocking.
struct ListeningSocket {
  let descriptor: Int32
  private let file: SocketFile?

  private static let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

  init(unix path: String, mode: mode_t, group: gid_t?) throws(LocalServerFault) {
    guard let address = SocketAddress(path: path) else {
      throw LocalServerFault(path, "this cannot be a socket's path; choose one of 1 to 107 bytes", .isConfiguration)
    }
    try Self.removeStale(path, address)
    try self.init(path, address, file: (path, mode, group))
  }

  init(tcp host: String, port: Int) throws(LocalServerFault) {
    let name = "\(host):\(port)"
    guard let url = try? HTTPURL(parsing: "http://\(name)"), url.isLoopbackHost,
      let address = SocketAddress(host: host.filter { $0 != "[" && $0 != "]" }, port: port)
    else {
      throw LocalServerFault(
        name, "this is no loopback address; write 127.0.0.1 or [::1]: there is no login here", .isConfiguration)
    }
    try self.init(name, address, file: nil)
  }

  private init(
    _ name: String, _ address: SocketAddress, file wanted: (path: String, mode: mode_t, group: gid_t?)?
  ) throws(LocalServerFault) {
    descriptor = socket(address.family, Self.kind, 0)
    var file: SocketFile?
    do throws(SystemFault) {
      var one: Int32 = 1
      try Self.check(setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4), "no socket can be made")
      // The file is made with the mode of the socket's own inode, less the umask: with nothing at all, until it has its owner.
      // umask(2) would do the same to every file that another thread makes in that moment.
      try Self.check(wanted == nil ? 0 : fchmod(descriptor, 0), "no socket can be made")
      try Self.check(address.bind(descriptor), "cannot be bound")
      if let wanted {
        file = SocketFile(wanted.path)
        guard let file, file.status.st_mode & 0o777 == 0 else {
          throw SystemFault("the socket file got a wider mode than asked", EPERM)
        }
        // The owner first: with its mode it would be open to the wrong group for a moment.
        try Self.check(wanted.group.map { lchown(wanted.path, .max, $0) } ?? 0, "cannot be given to its group")
        try Self.check(chmod(wanted.path, wanted.mode), "cannot be given its mode")
      }
      try Self.check(listen(descriptor, 128), "cannot be listened on")
    } catch {
      file?.remove()
      Glibc.close(descriptor)
      throw LocalServerFault(name, error)
    }
    self.file = file
  }

  /// No longer listens, and takes the socket file away where it is still this socket's.
  func close() {
    file?.remove()
    Glibc.close(descriptor)
  }

  /// Removes a socket file on which nobody listens.
  private static func removeStale(_ path: String, _ address: SocketAddress) throws(LocalServerFault) {
    guard let file = SocketFile(path) else {
      return
    }
    guard file.status.st_mode & S_IFMT == S_IFSOCK else {
      throw LocalServerFault(
        path, "something that is no socket stands there; remove it or choose another path", .isUnwritable)
    }
    let probe = socket(AF_UNIX, kind, 0)
    defer { Glibc.close(probe) }
    guard address.connect(probe) != 0, errno == ECONNREFUSED else {
      throw LocalServerFault(path, "another process listens there; stop it, or choose another path", .isTaken)
    }
    file.remove()
  }

  private static func check(_ result: Int32, _ action: String) throws(SystemFault) {
    guard result == 0 else {
      throw SystemFault(action)
    }
  }
}

/// An address of any family, as the kernel takes it.
private struct SocketAddress {
  let family: Int32
  private let bytes: [UInt8]

  /// `nil` where the path is too long for a socket, or none.
  init?(path: String) {
    var address = sockaddr_un()
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard !path.isEmpty, path.utf8.count < room, !path.utf8.contains(0) else {
      return nil
    }
    family = AF_UNIX
    address.sun_family = sa_family_t(family)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    bytes = withUnsafeBytes(of: address) { Array($0) }
  }

  /// `nil` where `host` is no literal address.
  init?(host: String, port: Int) {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let first = list?.pointee else {
      return nil
    }
    defer { freeaddrinfo(list) }
    family = first.ai_family
    bytes = Array(UnsafeRawBufferPointer(start: first.ai_addr, count: Int(first.ai_addrlen)))
  }

  func bind(_ descriptor: Int32) -> Int32 { use { Glibc.bind(descriptor, $0, $1) } }

  func connect(_ descriptor: Int32) -> Int32 { use { Glibc.connect(descriptor, $0, $1) } }

  private func use(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    bytes.withUnsafeBytes { bytes in
      bytes.assumingMemoryBound(to: sockaddr.self).baseAddress.map { call($0, socklen_t(bytes.count)) } ?? -1
    }
  }
}

/// What stands at a socket's path, by its identity, so that another's is never removed.
private struct SocketFile {
  let path: String
  let status: stat

  /// `nil` where nothing does.
  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      return nil
    }
    self.path = path
    self.status = status
  }

  /// Removes it, unless another took its place.
  func remove() {
    if let now = SocketFile(path), now.status.st_dev == status.st_dev, now.status.st_ino == status.st_ino {
      unlink(path)
    }
  }
}

/// Why the local API cannot be listened on, as one line.
public struct LocalServerFault: Error, Sendable, CustomStringConvertible {
  public let description: String
  let kind: DaemonFault.Kind

  /// - Parameter address: the socket's path, or its host and port.
  init(_ address: String, _ problem: String, _ kind: DaemonFault.Kind) {
    description = "\(address): \(problem)"
    self.kind = kind
  }

  init(_ address: String, _ fault: SystemFault) {
    let remedy =
      switch fault.code {
      case EACCES, EPERM: "check who may write to the folder, and run as a member of the group"
      case ENOENT, ENOTDIR: "create the folder first"
      case EADDRINUSE: "another process has it: stop that, or choose another address"
      case EROFS: "choose a path on a writable file system"
      default: "see the system's error"
      }
    self.init(
      address, "\(fault.action): \(SystemFault.text(of: fault.code)); \(remedy)", DaemonFault.Kind(of: fault.code))
  }
}
