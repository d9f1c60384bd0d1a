import CLinux
import Glibc
import SecretBytes

/// Reads files of the node for adapters, as far as the policy lets them.
public struct NodeFiles: Sendable {
  /// Largest file that is read, in bytes.
  public static let maximumBytes = 1024 * 1024

  let policy: NodePolicy

  public init(policy: NodePolicy) {
    self.policy = policy
  }

  /// A credential (token, JWT, secret id, key, CA) named by a document. Read anew at each call: such files rotate.
  public func credential(_ path: String) throws(NodeFileFault) -> SecretBytes {
    try read(path, policy.credentialFiles, rule: "credential_files")
  }

  /// A file that the `file` provider serves.
  public func served(_ path: String) throws(NodeFileFault) -> SecretBytes {
    try read(path, policy.fileRoots, rule: "file_roots")
  }

  private func read(
    _ path: String, _ scope: NodePolicy.PathScope, rule: String
  ) throws(NodeFileFault) -> SecretBytes {
    let descriptor = try open(path, scope, rule)
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw NodeFileFault(path, .unreadable(errno))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw NodeFileFault(path, .notRegular)
    }
    guard status.st_size <= Self.maximumBytes else {
      throw NodeFileFault(path, .tooLarge)
    }
    return try contents(of: descriptor, path, expecting: Int(status.st_size))
  }

  private func open(
    _ path: String, _ scope: NodePolicy.PathScope, _ rule: String
  ) throws(NodeFileFault) -> Int32 {
    guard path.hasPrefix("/") else {
      throw NodeFileFault(path, .notAbsolute)
    }
    // Neither a FIFO nor a terminal may stall or steer the agent before its kind is known.
    let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
    guard scope != .anywhere else {
      return try checked(linux_openat(AT_FDCWD, path, flags, 0), path, rule)
    }
    guard let (root, rest) = scope.root(of: path) else {
      throw NodeFileFault(path, .refused(policy.refusal(rule, "it lies outside the allowed folders")))
    }
    let folder = try checked(linux_open_root(root), path, rule)
    defer { close(folder) }
    return try checked(linux_open_beneath(folder, rest, flags, 0, true), path, rule)
  }

  private func checked(_ descriptor: Int32, _ path: String, _ rule: String) throws(NodeFileFault) -> Int32 {
    guard descriptor < 0 else {
      return descriptor
    }
    switch errno {
    case ENOENT, ENOTDIR: throw NodeFileFault(path, .missing)
    case EXDEV, ELOOP:
      throw NodeFileFault(path, .refused(policy.refusal(rule, "a symbolic link leads out of the allowed folders")))
    case ENXIO: throw NodeFileFault(path, .notRegular)
    default: throw NodeFileFault(path, .unreadable(errno))
    }
  }

  private func contents(
    of descriptor: Int32, _ path: String, expecting size: Int
  ) throws(NodeFileFault) -> SecretBytes {
    // One byte more than the file has, so that its end is seen without growing.
    var buffer = SecretBuffer(capacity: size + 1)
    let fault = FileRead.all(of: descriptor, into: &buffer, limit: Self.maximumBytes)
    switch fault {
    case nil: return buffer.finish()
    case .tooLarge?: throw NodeFileFault(path, .tooLarge)
    case .failed(let code)?: throw NodeFileFault(path, .unreadable(code))
    }
  }
}

/// Why a file of the node could not be read.
public struct NodeFileFault: Error, Sendable, Equatable {
  public enum Reason: Sendable, Equatable {
    case notAbsolute
    case missing
    case notRegular
    case tooLarge
    case unreadable(Int32)
    case refused(PolicyRefusal)
  }

  public let path: String
  public let reason: Reason

  public init(_ path: String, _ reason: Reason) {
    self.path = path
    self.reason = reason
  }

  /// One line, without the path: "does not exist".
  public var message: String {
    switch reason {
    case .notAbsolute: "is not an absolute path"
    case .missing: "does not exist"
    case .notRegular: "is not a regular file"
    case .tooLarge: "is larger than 1 MiB"
    case .unreadable(let code): "cannot be read: \(String(cString: strerror(code)))"
    case .refused(let refusal): "is refused: \(refusal.message)"
    }
  }
}
