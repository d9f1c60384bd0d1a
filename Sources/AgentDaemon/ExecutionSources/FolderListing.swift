import ExecutionModel
import Files
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

  init(_ fault: WholeFile.Fault) {
    self =
      switch fault {
      case .missing: .missing
      case .leadsOut: .leadsOut
      case .notRegular: .notRegular
      case .tooLarge: .tooLarge
      case .failed(let call, let code): .failed(call, code)
      }
  }

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
struct OpenFolder: ~Copyable {
  private let descriptor: FileDescriptor

  init(_ path: String) throws(FolderFault) {
    do throws(SystemFault) {
      descriptor = try FileDescriptor(path, O_RDONLY | O_DIRECTORY, "open")
    } catch {
      throw error.code == ENOENT || error.code == ENOTDIR ? .missing : .failed(error.action, error.code)
    }
  }

  /// The documents in it, by name; what is neither a regular file nor a link to one is left out.
  ///
  /// - Throws: where the listing could not be read to its end.
  func entries() throws(FolderFault) -> [FolderEntry] {
    let names: [[UInt8]]
    do throws(SystemFault) {
      names = try DirectoryEntry.rawNames(in: descriptor)
    } catch {
      throw .failed("readdir", error.code)
    }
    return names.compactMap { look($0) }.sorted { $0.name < $1.name }
  }

  private func look(_ bytes: [UInt8]) -> FolderEntry? {
    guard let name = String(validating: bytes, as: UTF8.self) else {
      let shown = String(decoding: bytes, as: UTF8.self)
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
    guard fstatat(descriptor.number, name, &status, 0) == 0 else {
      throw errno == ENOENT ? .missing : .failed("stat", errno)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .notRegular
    }
    return FolderSignature(status)
  }

  /// The whole content of the file `name`, and the signature that it had before and after it was read.
  func read(_ name: String) throws(FolderFault) -> (bytes: SecretBytes, signature: FolderSignature) {
    do throws(WholeFile.Fault) {
      let file = try WholeFile.open(name, beneath: descriptor)
      let status = try WholeFile.regularStatus(of: file)
      let before = FolderSignature(status)
      let bytes = try WholeFile.contents(of: file, status: status, limit: ExecutionDocument.maximumBytes)
      let isSettled = FolderSignature(try WholeFile.regularStatus(of: file)) == before && bytes.count == before.size
      if isSettled {
        return (bytes, before)
      }
    } catch {
      throw FolderFault(error)
    }
    throw .unsettled
  }
}

/// What a file's name says.
enum FolderName {
  static let endings = [".json", ".yaml", ".yml"]

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
