import Files
import Glibc
import SecretBytes

/// The files of a cache folder, for who does not look into them.
public struct CacheFiles: Sendable {
  private static let suffix = ".sealed"

  public let path: String

  /// - Parameter path: the folder, which need not be there.
  public init(_ path: String) {
    self.path = path
  }

  /// A digest: ids have any length and any letters.
  static func name(of id: String) -> String { SHA256.hexDigest(SecretBytes(id)) + suffix }

  func folder() throws(SystemFault) -> FileDescriptor {
    try FileDescriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, "cannot open the folder")
  }

  /// In order. What is no file is not the agent's, whatever its name.
  func names() throws(CacheFault) -> [String] {
    do throws(SystemFault) {
      let folder = try folder()
      var names: [String] = []
      for name in try DirectoryEntry.names(in: folder) where name.hasSuffix(Self.suffix) {
        if try DirectoryEntry(name, in: folder) != .folder {
          names.append(name)
        }
      }
      return names.sorted()
    } catch {
      throw CacheFault("\(path): \(error)")
    }
  }

  /// How many there are, as far as the folder can be read.
  public var count: Int { (try? names().count) ?? 0 }

  /// Does nothing where there is none.
  public func remove(_ id: String) throws(CacheFault) { try unlink(Self.name(of: id)) }

  /// Removes every file.
  ///
  /// - Returns: how many.
  public func removeAll() throws(CacheFault) -> Int {
    guard access(path, F_OK) == 0 || errno != ENOENT else {
      return 0
    }
    let names = try names()
    for name in names {
      try unlink(name)
    }
    return names.count
  }

  private func unlink(_ name: String) throws(CacheFault) {
    guard Glibc.unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
      throw CacheFault("\(path)/\(name): \(String(cString: strerror(errno)))")
    }
  }
}
