import CLinux
import Glibc
import SecretBytes

/// Files read whole into secret memory, up to a limit.
///
/// Whose path it is decides how it is opened: a person's own (``read(_:limit:)``) as any program would; one that the agent reads by
/// itself (``open(_:links:)``, ``open(_:beneath:)``) never waits for a FIFO's writer, makes no terminal its own, and ``contents(of:limit:)``
/// takes a regular file only.
public enum WholeFile {
  public enum Fault: Error, Sendable, Equatable, CustomStringConvertible {
    case missing
    /// A symbolic link that is not followed, or that leads out of the folder.
    case leadsOut
    case notRegular
    case tooLarge
    /// A call and its `errno`.
    case failed(String, Int32)

    init(_ call: String, _ code: Int32 = errno) {
      switch code {
      case ENOENT, ENOTDIR: self = .missing
      case ELOOP, EXDEV: self = .leadsOut
      case ENXIO: self = .notRegular
      default: self = .failed(call, code)
      }
    }

    public var description: String {
      switch self {
      case .missing: "no such file"
      case .leadsOut: "a symbolic link"
      case .notRegular: "not a regular file"
      case .tooLarge: "too large"
      case .failed(let call, let code): "\(call): \(SystemFault.text(of: code))"
      }
    }
  }

  public enum Links: Sendable {
    case followed
    /// One at the end of the path is ``Fault/leadsOut``.
    case refused
  }

  // MARK: - Opening

  public static func open(_ path: String, links: Links) throws(Fault) -> FileDescriptor {
    try taken(linux_openat(AT_FDCWD, path, flags | (links == .refused ? O_NOFOLLOW : 0), 0))
  }

  /// Links are followed as far as they stay beneath `folder`.
  public static func open(_ path: String, beneath folder: borrowing FileDescriptor) throws(Fault) -> FileDescriptor {
    try taken(linux_open_beneath(folder.number, path, flags, 0, true))
  }

  /// The folder that ``open(_:beneath:)`` starts from; it need not be readable itself.
  public static func root(_ path: String) throws(Fault) -> FileDescriptor {
    try taken(linux_open_root(path))
  }

  private static let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY

  private static func taken(_ result: Int32) throws(Fault) -> FileDescriptor {
    do throws(SystemFault) {
      return try FileDescriptor(result, "open")
    } catch {
      throw Fault(error.action, error.code)
    }
  }

  // MARK: - Reading

  /// A regular file from its start to its end.
  public static func contents(of file: borrowing FileDescriptor, limit: Int) throws(Fault) -> SecretBytes {
    try contents(of: file, status: regularStatus(of: file), limit: limit)
  }

  /// The same, where the caller has its status already and compares it with a later one.
  public static func contents(
    of file: borrowing FileDescriptor, status: stat, limit: Int
  ) throws(Fault) -> SecretBytes {
    guard status.st_size <= limit else {
      throw .tooLarge
    }
    // One byte more than the file has, so that its end is seen without growing.
    return try rest(of: file.number, limit: limit, expecting: Int(status.st_size) + 1)
  }

  /// - Throws: ``Fault/notRegular`` for anything but a regular file.
  public static func regularStatus(of file: borrowing FileDescriptor) throws(Fault) -> stat {
    var status = stat()
    guard fstat(file.number, &status) == 0 else {
      throw .failed("fstat", errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .notRegular
    }
    return status
  }

  /// What a person named: a pipe of their shell's as well as a file.
  public static func read(_ path: String, limit: Int) throws(Fault) -> SecretBytes {
    let number = linux_openat(AT_FDCWD, path, O_RDONLY, 0)
    guard number >= 0 else {
      throw .failed("open", errno)
    }
    defer { close(number) }
    return try rest(of: number, limit: limit)
  }

  /// Everything that `descriptor` still has, whatever it is.
  public static func rest(of descriptor: Int32, limit: Int, expecting size: Int = 0) throws(Fault) -> SecretBytes {
    var buffer = SecretBuffer(capacity: size)
    while true {
      let got = buffer.fill(atMost: 64 * 1024) { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if got == 0 {
        return buffer.finish()
      }
      if got < 0, errno != EINTR {
        throw .failed("read", errno)
      }
      guard buffer.count <= limit else {
        throw .tooLarge
      }
    }
  }
}
