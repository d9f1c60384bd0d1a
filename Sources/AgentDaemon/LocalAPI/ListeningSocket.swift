import CLinux
import Glibc

/// A socket that listens, and how it was made: close-on-exec, non-blocking.
struct ListeningSocket {
  let descriptor: Int32
  /// The socket file with its identity, so that another's is never removed.
  let file: SocketFile?
  /// The bound TCP port; 0 for a Unix socket.
  let port: Int

  /// No longer listens, and takes the socket file away where it is still this socket's.
  func close() {
    file?.remove()
    Glibc.close(descriptor)
  }

  // MARK: - Unix

  init(unix path: String, mode: mode_t, group: gid_t?) throws(LocalServerFault) {
    guard var address = Self.address(path) else {
      throw LocalServerFault(path, "this cannot be a socket's path", remedy: "choose one of 1 to 107 bytes")
    }
    let descriptor = try Self.socket(AF_UNIX, path)
    do throws(LocalServerFault) {
      // The file is made with the mode of the socket's own inode, less the umask: with nothing at all, until it has its owner.
      // umask(2) would do the same to every file that another thread makes in that moment.
      guard fchmod(descriptor, 0) == 0 else {
        throw Self.fault(path, "cannot be listened on", errno)
      }
      if Self.bind(descriptor, &address) != 0 {
        guard errno == EADDRINUSE else {
          throw Self.fault(path, "cannot be bound", errno)
        }
        try Self.removeStale(path, &address)
        guard Self.bind(descriptor, &address) == 0 else {
          throw Self.fault(path, "cannot be bound", errno)
        }
      }
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    file = SocketFile(path)
    self.descriptor = descriptor
    port = 0
    guard let file, file.mode & mode_t(0o777) & ~mode == 0 else {
      close()
      throw LocalServerFault(path, "the socket file got a wider mode than asked", remedy: "choose another file system")
    }
    // The owner first: with its mode it would be open to the wrong group for a moment.
    if let group, lchown(path, uid_t.max, group) != 0 {
      let code = errno
      close()
      throw Self.fault(path, "cannot be given to its group", code)
    }
    guard chmod(path, mode) == 0, listen(descriptor, 128) == 0 else {
      let code = errno
      close()
      throw Self.fault(path, "cannot be listened on", code)
    }
  }

  /// Removes a socket file on which nobody listens.
  private static func removeStale(_ path: String, _ address: inout sockaddr_un) throws(LocalServerFault) {
    guard let file = SocketFile(path) else {
      throw LocalServerFault(
        path, "something that is no socket stands there", remedy: "remove it or choose another path")
    }
    let probe = try socket(AF_UNIX, path)
    defer { Glibc.close(probe) }
    let result = withAddress(&address) { connect(probe, $0, $1) }
    guard result != 0, errno == ECONNREFUSED else {
      throw LocalServerFault(
        path, "another process listens there", remedy: "stop it, or choose another path for this agent's socket")
    }
    file.remove()
  }

  private static func address(_ path: String) -> sockaddr_un? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { room -> Bool in
      guard !bytes.isEmpty, bytes.count < room.count, !bytes.contains(0) else {
        return false
      }
      room.copyBytes(from: bytes)
      return true
    }
    return fits ? address : nil
  }

  // MARK: - TCP

  init(tcp host: String, port: Int) throws(LocalServerFault) {
    let name = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    guard let number = UInt16(exactly: port) else {
      throw LocalServerFault(name, "this is no port", remedy: "choose one from 0 (any free one) to 65535")
    }
    var four = sockaddr_in()
    var six = sockaddr_in6()
    let isFour = inet_pton(AF_INET, host, &four.sin_addr) == 1
    let isSix = !isFour && inet_pton(AF_INET6, host, &six.sin6_addr) == 1
    guard isFour ? Self.isLoopback(four) : isSix && Self.isLoopback(six) else {
      throw LocalServerFault(
        name, "this is no loopback address", remedy: "write 127.0.0.1 or ::1: there is no login here")
    }
    let descriptor = try Self.socket(isFour ? AF_INET : AF_INET6, name)
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    four.sin_family = sa_family_t(AF_INET)
    six.sin6_family = sa_family_t(AF_INET6)
    four.sin_port = number.bigEndian
    six.sin6_port = number.bigEndian
    let isBound = isFour ? Self.bind(descriptor, &four) : Self.bind(descriptor, &six)
    guard isBound == 0, listen(descriptor, 128) == 0, let bound = Self.port(of: descriptor, isFour: isFour) else {
      let code = errno
      Glibc.close(descriptor)
      throw Self.fault(name, "cannot be listened on", code)
    }
    self.descriptor = descriptor
    self.port = bound
    file = nil
  }

  private static func isLoopback(_ address: sockaddr_in) -> Bool {
    UInt32(bigEndian: address.sin_addr.s_addr) >> 24 == 127
  }

  private static func isLoopback(_ address: sockaddr_in6) -> Bool {
    withUnsafeBytes(of: address.sin6_addr) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
  }

  private static func port(of descriptor: Int32, isFour: Bool) -> Int? {
    var four = sockaddr_in()
    var six = sockaddr_in6()
    let result = isFour ? name(of: descriptor, &four) : name(of: descriptor, &six)
    return result == 0 ? Int(UInt16(bigEndian: isFour ? four.sin_port : six.sin6_port)) : nil
  }

  // MARK: - Both

  private static func socket(_ family: Int32, _ name: String) throws(LocalServerFault) -> Int32 {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = Glibc.socket(family, kind, 0)
    guard descriptor >= 0 else {
      throw fault(name, "no socket can be made", errno)
    }
    return descriptor
  }

  private static func bind<Address>(_ descriptor: Int32, _ address: inout Address) -> Int32 {
    withAddress(&address) { Glibc.bind(descriptor, $0, $1) }
  }

  private static func name<Address>(of descriptor: Int32, _ address: inout Address) -> Int32 {
    var size = socklen_t(MemoryLayout<Address>.size)
    return withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
  }

  private static func withAddress<Address>(
    _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
    }
  }

  private static func fault(_ address: String, _ problem: String, _ code: Int32) -> LocalServerFault {
    let name = linux_error_name(code).map { String(cString: $0) } ?? "error \(code)"
    let remedy =
      switch code {
      case EACCES, EPERM: "check who may write to the folder, and run as a member of the group"
      case ENOENT, ENOTDIR: "create the folder first"
      case EADDRINUSE: "another process has it: stop that, or choose another address"
      case EROFS: "choose a path on a writable file system"
      default: "see the system's error"
      }
    return LocalServerFault(address, "\(problem) (\(name))", remedy: remedy)
  }
}

/// A socket file by its path and identity.
struct SocketFile {
  let path: String
  let mode: mode_t
  private let device: dev_t
  private let inode: ino_t

  /// `nil` where no socket stands at the path itself.
  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
      return nil
    }
    self.path = path
    mode = status.st_mode & 0o7777
    device = status.st_dev
    inode = status.st_ino
  }

  /// Removes the file, unless another took its place.
  func remove() {
    if let now = SocketFile(path), now.device == device, now.inode == inode {
      unlink(path)
    }
  }
}
