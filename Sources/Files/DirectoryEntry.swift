import CLinux
import Glibc

/// What stands at a name in a folder, symbolic links not followed.
public enum DirectoryEntry: Equatable, Sendable {
  case absent
  case regularFile
  case folder
  case link(to: String)
  case other

  public init(_ name: String, in folder: borrowing FileDescriptor) throws(SystemFault) {
    var status = stat()
    guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      guard errno == ENOENT else {
        throw SystemFault("cannot look at the output")
      }
      self = .absent
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .regularFile
    case S_IFDIR: self = .folder
    case S_IFLNK: self = .link(to: Self.target(of: name, in: folder))
    default: self = .other
    }
  }

  /// Where the link leads, or "" where that is longer than anything that this agent writes.
  private static func target(of name: String, in folder: borrowing FileDescriptor) -> String {
    let limit = 1024
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: limit) { buffer in
      guard let base = buffer.baseAddress, case let count = readlinkat(folder.number, name, base, limit), count > 0,
        count < limit
      else {
        return ""
      }
      return String(
        decoding: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer).prefix(count)), as: UTF8.self)
    }
  }

  /// The names in the folder, `.` and `..` left out.
  public static func names(in folder: borrowing FileDescriptor) throws(SystemFault) -> [String] {
    try rawNames(in: folder).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The same as the file system has them: nothing makes a name UTF-8.
  public static func rawNames(in folder: borrowing FileDescriptor) throws(SystemFault) -> [[UInt8]] {
    // A descriptor of its own, since reading moves the offset that duplicates share.
    let number = linux_openat(folder.number, ".", O_RDONLY | O_DIRECTORY, 0)
    guard number >= 0 else {
      throw SystemFault("cannot list the folder")
    }
    guard let stream = fdopendir(number) else {
      let fault = SystemFault("cannot list the folder")
      close(number)
      throw fault
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != [0x2e], name != [0x2e, 0x2e] {
        names.append(name)
      }
      errno = 0
    }
    guard errno == 0 else {
      throw SystemFault("cannot list the folder")
    }
    return names
  }
}
