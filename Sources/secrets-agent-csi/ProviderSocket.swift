import Files
import Foundation

/// The place of the socket that the driver finds the provider by: what an earlier life left there goes, what another process listens on
/// stays.
///
/// The server binds a name beside it, which becomes this one once it listens: gRPC removes what it bound by its name when it ends, whoever
/// has that by then.
struct ProviderSocket {
  /// Why it cannot be listened on, as one line.
  struct Fault: Error, CustomStringConvertible {
    let description: String

    init(_ path: String, _ problem: String) {
      description = "--socket \(path): \(problem)"
    }
  }

  private struct Identity: Equatable {
    let device: dev_t
    let file: ino_t
  }

  private static let longest = 96

  let path: String
  /// What the server binds.
  let bound: String
  private var own: Identity?

  /// Looks whether the socket can be there, and changes nothing.
  init(at path: String) throws(Fault) {
    self.path = path
    bound = "\(path).\(getpid())"
    var address = sockaddr_un()
    guard path.hasPrefix("/") else {
      throw Fault(path, "write an absolute path: the driver looks in its own folder")
    }
    // Less than an address holds, since the other name is longer.
    guard path.utf8.count <= Self.longest else {
      throw Fault(path, "choose a path of at most \(Self.longest) bytes")
    }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    // gRPC's own words name a function and a number.
    let folder = (path as NSString).deletingLastPathComponent
    guard access(folder, W_OK | X_OK) == 0 else {
      let remedy = errno == ENOENT ? "create it, or mount it into the container" : "run as who may write there"
      throw Fault(path, "\(folder): \(SystemFault.text(of: errno)); \(remedy)")
    }
    var status = stat()
    if lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFSOCK else {
        throw Fault(path, "something that is no socket stands there; remove it, or choose another path")
      }
      guard Self.isDeserted(&address) else {
        throw Fault(path, "another process listens there; stop it, or choose another path")
      }
    }
  }

  /// Makes room for what is bound.
  func prepare() {
    unlink(bound)
  }

  /// The server listens now: the driver may find it.
  mutating func show() throws(Fault) {
    guard rename(bound, path) == 0 else {
      throw Fault(path, "\(SystemFault.text(of: errno)); see who else writes into its folder")
    }
    own = Self.identity(of: path)
  }

  /// Takes the socket away, unless another process has the place by now.
  func remove() {
    if let own, own == Self.identity(of: path) {
      unlink(path)
    }
  }

  private static func isDeserted(_ address: inout sockaddr_un) -> Bool {
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    defer { close(probe) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    return result != 0 && errno == ECONNREFUSED
  }

  private static func identity(of path: String) -> Identity? {
    var status = stat()
    return lstat(path, &status) == 0 ? Identity(device: status.st_dev, file: status.st_ino) : nil
  }
}
