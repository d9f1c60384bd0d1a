import Files
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
    if KernelFiles.contains(path) {
      throw NodeFileFault(path, .refused(policy.refusal("credential_files", "it \(KernelFiles.reason)")))
    }
    return try read(path, policy.credentialFiles, rule: "credential_files", isCredential: true)
  }

  /// A file that the `file` provider serves.
  public func served(_ path: String) throws(NodeFileFault) -> SecretBytes {
    try read(path, policy.fileRoots, rule: "file_roots")
  }

  /// The folder at `path` with files that the `file` provider serves, to be watched; `nil` where it is not there, or lies outside the
  /// allowed folders, by a symbolic link too.
  public func servedFolder(_ path: String) -> FileDescriptor? {
    guard policy.fileRoots != .anywhere else {
      return try? FileDescriptor(path, O_RDONLY | O_DIRECTORY, "cannot open")
    }
    guard let (root, rest) = policy.fileRoots.root(of: path + "/."), let top = try? WholeFile.root(root) else {
      return nil
    }
    return try? FileDescriptor(folder: rest, beneath: top, "cannot open")
  }

  private func read(
    _ path: String, _ scope: NodePolicy.PathScope, rule: String, isCredential: Bool = false
  ) throws(NodeFileFault) -> SecretBytes {
    guard path.hasPrefix("/") else {
      throw NodeFileFault(path, .notAbsolute)
    }
    do throws(WholeFile.Fault) {
      guard scope != .anywhere else {
        return try contents(of: WholeFile.open(path, links: .followed), isCredential)
      }
      if let (root, rest) = scope.root(of: path) {
        return try contents(of: WholeFile.open(rest, beneath: WholeFile.root(root)), isCredential)
      }
    } catch {
      throw NodeFileFault(path, reason(error, rule))
    }
    throw NodeFileFault(path, .refused(policy.refusal(rule, "it lies outside the allowed folders")))
  }

  private func contents(
    of file: borrowing FileDescriptor, _ isCredential: Bool
  ) throws(WholeFile.Fault) -> SecretBytes {
    if isCredential, KernelFiles.isOne(file) {
      throw .leadsOut
    }
    return try WholeFile.contents(of: file, limit: Self.maximumBytes)
  }

  private func reason(_ fault: WholeFile.Fault, _ rule: String) -> NodeFileFault.Reason {
    switch fault {
    case .missing: .missing
    case .leadsOut: .refused(policy.refusal(rule, "a symbolic link leads out of the allowed folders"))
    case .notRegular: .notRegular
    case .tooLarge: .tooLarge
    case .failed(_, let code): .unreadable(code)
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
    case .tooLarge: "is larger than 1 MiB, which no setting changes"
    case .unreadable(let code): "cannot be read: \(String(cString: strerror(code)))"
    case .refused(let refusal): "is refused: \(refusal.message)"
    }
  }
}
