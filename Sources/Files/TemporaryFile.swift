import CLinux
import Glibc
import SecretBytes

/// A complete file that does not have its final name yet; unless it gets it, it goes with this value.
///
/// It is how every file of the agent's is replaced: created for the agent's user alone, written, read back where the caller wants it,
/// flushed, renamed, and its folder flushed. A crash leaves the old file or the new one.
public struct TemporaryFile: ~Copyable {
  /// Sets owner and mode of the complete file, before anybody can find it by its name.
  public typealias Finish = (borrowing FileDescriptor) throws(SystemFault) -> Void

  /// How the file comes to be.
  public enum Method: Sendable {
    /// Without a name until it is complete (O_TMPFILE), so that a killed process leaves nothing; else as `named`.
    case anonymous
    /// Under a random temporary name from the start, for file systems without O_TMPFILE.
    case named
  }

  /// A descriptor of its own, so that it is open when this value cleans up.
  private let folder: FileDescriptor
  private let descriptor: FileDescriptor
  private var name: String?

  /// The name of a temporary that a killed process left begins so; 16 random hexadecimal digits follow.
  public static let prefix = ".secrets-agent-"

  private init(_ folder: consuming FileDescriptor, _ descriptor: consuming FileDescriptor, _ name: String?) {
    self.folder = folder
    self.descriptor = descriptor
    self.name = name
  }

  /// Puts `bytes` at `name` in `folder`, mode 0600, as a whole and on the disk, whatever stood there.
  public static func replace(
    _ name: String, with bytes: SecretBytes, in folder: borrowing FileDescriptor
  ) throws(SystemFault) {
    var file = try write(bytes, in: folder)
    try file.rename(to: name)
    try folder.flush()
  }

  /// Writes `bytes` into a new file of mode 0600 in `folder`, finishes and flushes it, and gives it a temporary name.
  public static func write(
    _ bytes: SecretBytes, in folder: borrowing FileDescriptor, _ method: Method = .anonymous,
    finish: Finish = { _ in }
  ) throws(SystemFault) -> TemporaryFile {
    let own = try FileDescriptor(anew: folder, "cannot open the folder")
    let random = prefix + RandomName.make()
    let (number, isNamed) = create(random, in: folder, method)
    let descriptor = try FileDescriptor(number, "cannot create a temporary file in the folder")
    // From here on the deinitializer cleans up, also when this throws.
    var file = TemporaryFile(own, descriptor, isNamed ? random : nil)
    try file.fill(with: bytes, finish)
    if !isNamed {
      try file.link(as: random)
    }
    return file
  }

  deinit {
    if let name {
      unlinkat(folder.number, name, 0)
    }
  }

  public func read(exactly count: Int) throws(SystemFault) -> SecretBytes? {
    try descriptor.read(exactly: count)
  }

  /// Takes the place of `target` in the same folder, in one step. A symbolic link there is replaced, not followed.
  public mutating func rename(to target: String) throws(SystemFault) {
    guard let name, renameat(folder.number, name, folder.number, target) == 0 else {
      throw SystemFault("cannot put the new file in place")
    }
    self.name = nil
  }

  /// The open call's result, and whether the file has its temporary name already.
  private static func create(_ name: String, in folder: borrowing FileDescriptor, _ method: Method) -> (Int32, Bool) {
    // An anonymous file gets its name by way of /proc.
    if method == .anonymous, access("/proc/self/fd", X_OK) == 0 {
      let number = linux_open_temporary(folder.number, 0o600)
      if number >= 0 || !meansUnsupported(errno) {
        return (number, false)
      }
    }
    return (linux_openat(folder.number, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), true)
  }

  private func fill(with bytes: SecretBytes, _ finish: Finish) throws(SystemFault) {
    // The lock tells a later cleaner that the writer lives.
    _ = descriptor.lock()
    try descriptor.write(bytes)
    try finish(descriptor)
    try descriptor.flush()
  }

  private mutating func link(as name: String) throws(SystemFault) {
    guard linux_link_temporary(descriptor.number, folder.number, name) == 0 else {
      throw SystemFault("cannot name the temporary file")
    }
    self.name = name
  }

  private static func meansUnsupported(_ code: Int32) -> Bool {
    code == EOPNOTSUPP || code == EISDIR || code == EINVAL || code == ENOENT || code == ENOSYS
  }

  /// Removes what killed processes left: regular files of the temporary form that belong to the agent or to `owner`, and that no
  /// living writer holds.
  public static func removeStale(in folder: borrowing FileDescriptor, owner: uid_t?) throws(SystemFault) {
    for name in try DirectoryEntry.names(in: folder) where RandomName.isMade(name, prefix: prefix) {
      guard
        let stale = try? FileDescriptor(in: folder, name, O_RDONLY | O_NONBLOCK, ""),
        let status = try? stale.status(), status.st_mode & S_IFMT == S_IFREG,
        status.st_uid == geteuid() || status.st_uid == owner, stale.lock()
      else {
        continue
      }
      unlinkat(folder.number, name, 0)
    }
  }
}

public enum RandomName {
  /// 16 hexadecimal digits.
  public static func make() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
  }

  /// Whether `name` is `prefix` and what ``make()`` gives.
  public static func isMade(_ name: String, prefix: String) -> Bool {
    let digits = name.utf8.dropFirst(prefix.utf8.count)
    return name.hasPrefix(prefix) && digits.count == 16
      && digits.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }
}
