import CLinux
import Glibc
import SecretBytes

/// An open file or folder, closed when it goes out of scope.
struct FileDescriptor: ~Copyable {
  let number: Int32

  /// Opens `name` in `folder`, never through a symbolic link at its end.
  init(
    in folder: borrowing FileDescriptor, _ name: String, _ flags: Int32, mode: mode_t = 0, _ action: String
  ) throws(SystemFault) {
    try self.init(linux_openat(folder.number, name, flags | O_NOFOLLOW, mode), action)
  }

  /// Takes what an open call returned.
  init(_ result: Int32, _ action: String) throws(SystemFault) {
    guard result >= 0 else {
      throw SystemFault(action)
    }
    number = result
  }

  deinit {
    close(number)
  }

  func status() throws(SystemFault) -> stat {
    var status = stat()
    guard fstat(number, &status) == 0 else {
      throw SystemFault("cannot look at the file")
    }
    return status
  }

  func write(_ bytes: SecretBytes) throws(SystemFault) {
    try bytes.withUnsafeBytes { (bytes) throws(SystemFault) in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = Glibc.write(number, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written > 0 {
          rest = rest.dropFirst(written)
        } else if written == 0 || errno != EINTR {
          throw SystemFault("cannot write", written == 0 ? ENOSPC : errno)
        }
      }
    }
  }

  /// All of a regular file from its start, or `nil` where it is not exactly `count` bytes long.
  func read(exactly count: Int) throws(SystemFault) -> SecretBytes? {
    guard try status().st_size == count else {
      return nil
    }
    guard count > 0 else {
      return SecretBytes()
    }
    guard let buffer = malloc(count) else {
      throw SystemFault("cannot read the file back", ENOMEM)
    }
    let bytes = SecretBytes(adoptingMalloc: buffer, count: count, capacity: count)
    var place = 0
    while place < count {
      let got = pread(number, buffer + place, count - place, off_t(place))
      if got > 0 {
        place += got
      } else if got == 0 {
        return nil
      } else if errno != EINTR {
        throw SystemFault("cannot read the file back")
      }
    }
    return bytes
  }

  /// To the disk. File systems that cannot flush a folder say EINVAL, and there is nothing to be done then.
  func flush() throws(SystemFault) {
    while fsync(number) != 0 {
      guard errno == EINTR else {
        if errno == EINVAL || errno == EROFS {
          return
        }
        throw SystemFault("cannot flush to the disk")
      }
    }
  }

  /// Marks the file as in use by a living writer; false where another writer lives. Ends with the descriptor.
  func lock() -> Bool {
    flock(number, LOCK_EX | LOCK_NB) == 0
  }
}

/// What stands at a name in a folder, symbolic links not followed.
enum DirectoryEntry: Equatable {
  case absent
  case regularFile
  case folder
  case link(to: String)
  case other

  init(_ name: String, in folder: borrowing FileDescriptor) throws(SystemFault) {
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
  static func names(in folder: borrowing FileDescriptor) throws(SystemFault) -> [String] {
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
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      if name != ".", name != ".." {
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
