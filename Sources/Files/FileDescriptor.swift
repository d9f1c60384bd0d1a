import CLinux
import Glibc
import SecretBytes

/// An open file or folder, closed when it goes out of scope.
public struct FileDescriptor: ~Copyable, Sendable {
  public let number: Int32

  /// Opens `path` as any program would, links and all.
  public init(_ path: String, _ flags: Int32, _ action: String) throws(SystemFault) {
    try self.init(linux_openat(AT_FDCWD, path, flags, 0), action)
  }

  /// Opens `name` in `folder`, never through a symbolic link at its end.
  public init(
    in folder: borrowing FileDescriptor, _ name: String, _ flags: Int32, mode: mode_t = 0, _ action: String
  ) throws(SystemFault) {
    try self.init(linux_openat(folder.number, name, flags | O_NOFOLLOW, mode), action)
  }

  /// The folder at `path` beneath `root`; links are followed as far as they stay beneath.
  public init(folder path: String, beneath root: borrowing FileDescriptor, _ action: String) throws(SystemFault) {
    try self.init(linux_open_beneath(root.number, path, O_RDONLY | O_DIRECTORY, 0, true), action)
  }

  /// The same folder once more, with a place of its own for what reads or closes it.
  public init(anew folder: borrowing FileDescriptor, _ action: String) throws(SystemFault) {
    try self.init(linux_openat(folder.number, ".", O_RDONLY | O_DIRECTORY, 0), action)
  }

  /// Takes what an open call returned.
  public init(_ result: Int32, _ action: String) throws(SystemFault) {
    guard result >= 0 else {
      throw SystemFault(action)
    }
    number = result
  }

  deinit {
    close(number)
  }

  public func status() throws(SystemFault) -> stat {
    var status = stat()
    guard fstat(number, &status) == 0 else {
      throw SystemFault("cannot look at the file")
    }
    return status
  }

  /// All of `bytes`: a short write goes on, a signal does not end it.
  public func write(_ bytes: SecretBytes) throws(SystemFault) {
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
  public func read(exactly count: Int) throws(SystemFault) -> SecretBytes? {
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
  public func flush() throws(SystemFault) {
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
  public func lock() -> Bool {
    flock(number, LOCK_EX | LOCK_NB) == 0
  }
}
