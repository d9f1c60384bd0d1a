import CLinux
import ExecutionModel
import Glibc
import SecretBytes

/// What tells one content of a file from another without reading it.
struct FolderSignature: Equatable, Sendable {
  let device: UInt
  let inode: UInt
  let size: Int
  let modified: Int64
  let modifiedNanoseconds: Int64
  let changed: Int64
  let changedNanoseconds: Int64

  init(_ status: stat) {
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    size = Int(status.st_size)
    modified = Int64(status.st_mtim.tv_sec)
    modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
    changed = Int64(status.st_ctim.tv_sec)
    changedNanoseconds = Int64(status.st_ctim.tv_nsec)
  }
}

/// One document's name in the folder, with its signature or why there is none.
struct FolderEntry: Sendable {
  let name: String
  let signature: Result<FolderSignature, FolderFault>
}

/// Why a file's content, or the folder itself, cannot be had.
enum FolderFault: Error, Equatable, Sendable {
  /// It is not there; for a file also a link whose target is not.
  case missing
  case notRegular
  case tooLarge
  case leadsOut
  case nameNotUTF8
  /// It was written to while it was read.
  case unsettled
  /// A call and its `errno`.
  case failed(String, Int32)
  case document(String)

  /// Whether it may pass without the file being touched.
  var mayPass: Bool {
    switch self {
    case .failed, .missing: true
    default: false
    }
  }

  var message: String {
    switch self {
    case .missing: "does not exist"
    case .notRegular: "is not a regular file"
    case .tooLarge: "larger than 16 MiB"
    case .leadsOut:
      "a symbolic link that is absolute or leads out of the folder; copy the file, or link within the folder"
    case .nameNotUTF8: "the file's name is not UTF-8"
    case .unsettled: "is being written all the time"
    case .failed(let call, let code): "\(call): \(String(cString: strerror(code)))"
    case .document(let line): line
    }
  }
}

/// The watched folder, held open for one look at it.
///
/// Closes the descriptor with it; nothing else holds it.
final class OpenFolder {
  private let descriptor: Int32
  /// The folder itself, to tell it from another one under the same path.
  let identity: FolderSignature

  init(_ path: String) throws(FolderFault) {
    let descriptor = linux_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard descriptor >= 0 else {
      throw errno == ENOENT || errno == ENOTDIR ? .missing : .failed("open", errno)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw .failed("fstat", code)
    }
    self.descriptor = descriptor
    self.identity = FolderSignature(status)
  }

  deinit {
    close(descriptor)
  }

  /// The documents in it, by name; what is neither a regular file nor a link to one is left out.
  ///
  /// - Throws: where the listing could not be read to its end.
  func entries() throws(FolderFault) -> [FolderEntry] {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0 else {
      throw .failed("fcntl", errno)
    }
    guard let stream = fdopendir(copy) else {
      let code = errno
      close(copy)
      throw .failed("fdopendir", code)
    }
    defer { closedir(stream) }
    rewinddir(stream)
    var entries: [FolderEntry] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else {
          throw .failed("readdir", errno)
        }
        return entries.sorted { $0.name < $1.name }
      }
      if let found = look(entry) {
        entries.append(found)
      }
    }
  }

  private func look(_ entry: UnsafeMutablePointer<dirent>) -> FolderEntry? {
    let bytes = withUnsafeBytes(of: &entry.pointee.d_name) {
      SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0.prefix { $0 != 0 }))
    }
    guard let name = bytes.unsafeString() else {
      let shown = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      return FolderName.isDocument(shown) ? FolderEntry(name: shown, signature: .failure(.nameNotUTF8)) : nil
    }
    guard FolderName.isDocument(name) else {
      return nil
    }
    do throws(FolderFault) {
      return FolderEntry(name: name, signature: .success(try signature(name)))
    } catch .missing, .notRegular {
      return nil
    } catch {
      return FolderEntry(name: name, signature: .failure(error))
    }
  }

  private func signature(_ name: String) throws(FolderFault) -> FolderSignature {
    var status = stat()
    guard fstatat(descriptor, name, &status, 0) == 0 else {
      throw errno == ENOENT ? .missing : .failed("stat", errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .notRegular
    }
    return FolderSignature(status)
  }

  /// The whole content of the file `name`, and the signature that it had before and after it was read.
  func read(_ name: String) throws(FolderFault) -> (bytes: SecretBytes, signature: FolderSignature) {
    // Neither a FIFO nor a terminal may stall the agent before its kind is known.
    let file = linux_open_beneath(descriptor, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, true)
    guard file >= 0 else {
      switch errno {
      case ENOENT: throw .missing
      case EXDEV, ELOOP: throw .leadsOut
      default: throw .failed("open", errno)
      }
    }
    defer { close(file) }
    let before = try signature(of: file)
    guard before.size <= ExecutionDocument.maximumBytes else {
      throw .tooLarge
    }
    // One byte more than the file has, so that its end is seen without growing.
    var buffer = SecretBuffer(capacity: before.size + 1)
    switch FileRead.all(of: file, into: &buffer, limit: ExecutionDocument.maximumBytes) {
    case nil: break
    case .tooLarge?: throw .tooLarge
    case .failed(let code)?: throw .failed("read", code)
    }
    guard try signature(of: file) == before, buffer.count == before.size else {
      throw .unsettled
    }
    return (buffer.finish(), before)
  }

  private func signature(of file: Int32) throws(FolderFault) -> FolderSignature {
    var status = stat()
    guard fstat(file, &status) == 0 else {
      throw .failed("fstat", errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .notRegular
    }
    return FolderSignature(status)
  }
}

/// What a file's name says.
enum FolderName {
  private static let endings = [".json", ".yaml", ".yml"]

  /// Whether it is one of a document: hidden and temporary names are not (`web.yaml~`, `web.yaml.tmp`, `.web.yaml.swp`).
  static func isDocument(_ name: String) -> Bool {
    !name.hasPrefix(".") && endings.contains { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }
  }

  /// Whether a change of it can change documents under other names: Kubernetes swaps the link `..data` beneath them.
  static func isSwapped(_ name: String) -> Bool {
    name.hasPrefix("..")
  }

  /// The name without its ending.
  static func stem(_ name: String) -> String {
    endings.first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) } ?? name
  }

  static func syntax(_ name: String) -> ExecutionDocument.Syntax {
    name.hasSuffix(".json") ? .json : .yaml
  }
}
