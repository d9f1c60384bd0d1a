import CLinux
import Glibc

/// Why the state folder cannot be had, as one line.
public struct StateFolderFault: Error, Sendable, Equatable, CustomStringConvertible {
  public let path: String
  public let problem: String
  public let remedy: String
  public let kind: DaemonFault.Kind

  public var description: String { "\(path): \(problem); \(remedy)" }
}

/// The right of one agent to a state folder: flock(2) on its file `lock`, which holds the holder's process number. It ends with this
/// value and with the process, however that ends; the file stays, since removing it would let two agents hold two files of that name.
public struct StateFolderLock: ~Copyable {
  private let descriptor: Int32

  /// - Throws: ``StateFolderFault`` where another instance has the folder, or its file cannot be written.
  public init(folder: String) throws(StateFolderFault) {
    let path = folder + "/lock"
    let descriptor = linux_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else {
      throw Self.fault(path, "cannot be opened", errno)
    }
    do throws(StateFolderFault) {
      try Self.take(descriptor, path)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    // An empty file says that nobody has the folder; the lock goes with the descriptor.
    ftruncate(descriptor, 0)
    close(descriptor)
  }

  private static func take(_ descriptor: Int32, _ path: String) throws(StateFolderFault) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw StateFolderFault(path: path, problem: "is no regular file", remedy: "remove it", kind: .isUnwritable)
    }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK:
        let holder = holder(descriptor).map { "process \($0)" } ?? "another process"
        throw StateFolderFault(
          path: path, problem: "an agent (\(holder)) runs with this state folder",
          remedy: "stop it, or give this one a state folder of its own", kind: .isTaken)
      default: throw fault(path, "cannot be locked", errno)
      }
    }
    let text = Array("\(getpid())\n".utf8)
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, text, text.count, 0) == text.count else {
      throw fault(path, "cannot be written", errno)
    }
  }

  /// The process number in the file, for the message only.
  private static func holder(_ descriptor: Int32) -> pid_t? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return pid_t(String(decoding: bytes.prefix(max(count, 0)).prefix { $0 != 0x0a }, as: UTF8.self))
  }

  private static func fault(_ path: String, _ problem: String, _ code: Int32) -> StateFolderFault {
    let name = linux_error_name(code).map { String(cString: $0) } ?? "error \(code)"
    let remedy =
      switch code {
      case ENOENT, ENOTDIR: "create the state folder first"
      case EACCES, EPERM: "give the folder to the agent's user"
      case ELOOP: "remove the symbolic link"
      case ENOSPC, EDQUOT: "free some space"
      default: "see the system's error"
      }
    // What stands there can be taken away, whatever the settings say.
    let kind = code == ELOOP ? .isUnwritable : DaemonFault.Kind(of: code)
    return StateFolderFault(path: path, problem: "\(problem) (\(name))", remedy: remedy, kind: kind)
  }
}
