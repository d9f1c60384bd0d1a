import Files
import Glibc
import SecretBytes

/// The files of a cache folder, for who does not look into them.
public struct CacheFiles: Sendable {
  private static let suffix = ".sealed"
  /// Of a digest in hexadecimal digits.
  private static let stemLength = 64

  public let path: String

  /// - Parameter path: the folder, which need not be there.
  public init(_ path: String) {
    self.path = path
  }

  /// A digest: ids have any length and any letters.
  static func name(of id: String) -> String { SHA256.hexDigest(SecretBytes(id)) + suffix }

  /// Whether the agent gives such names.
  private static func isOwn(_ name: String) -> Bool {
    let stem = name.utf8.dropLast(suffix.utf8.count)
    return name.hasSuffix(suffix) && stem.count == stemLength
      && stem.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }

  func folder() throws(SystemFault) -> FileDescriptor {
    try FileDescriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, "cannot open the folder")
  }

  /// Who can write into the folder could put an older file back, or take one away.
  ///
  /// - Throws: where others can, or it is no folder.
  func check() throws(CacheFault) {
    let status: stat
    do throws(SystemFault) {
      status = try folder().status()
    } catch {
      throw CacheFault("\(path): \(error)")
    }
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw CacheFault("\(path): belongs to another user than root and the agent's own")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw CacheFault("\(path): others may write into it; make it mode 0700")
    }
  }

  /// Those of executions, in order. What is no file, or of another name, is not the agent's.
  func names() throws(CacheFault) -> [String] { try names { $0.filter(Self.isOwn) } }

  /// Files that somebody copied here, as `x.bak`: the agent neither reads nor removes them.
  public func copies() throws(CacheFault) -> [String] {
    guard isThere else {
      return []
    }
    return try names { $0.filter { !Self.isOwn($0) && !$0.hasPrefix(TemporaryFile.prefix) } }.filter(isSealed)
  }

  private func isSealed(_ name: String) -> Bool {
    beginning(of: name, CachedGeneration.magic.count) == CachedGeneration.magic
  }

  /// `nil` where there are no such bytes, or it is no file.
  func beginning(of name: String, _ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    guard let file = try? WholeFile.open("\(path)/\(name)", links: .refused),
      (try? WholeFile.regularStatus(of: file)) != nil, pread(file.number, &bytes, count, 0) == count
    else {
      return nil
    }
    return bytes
  }

  private func names(_ choice: ([String]) -> [String]) throws(CacheFault) -> [String] {
    do throws(SystemFault) {
      let folder = try folder()
      var names: [String] = []
      for name in choice(try DirectoryEntry.names(in: folder)) where try DirectoryEntry(name, in: folder) != .folder {
        names.append(name)
      }
      return names.sorted()
    } catch {
      throw CacheFault("\(path): \(error)")
    }
  }

  /// How many there are, as far as the folder can be read.
  public var count: Int { (try? names().count) ?? 0 }

  /// Whether a file stands there for the execution, whatever is in it.
  public func has(_ id: String) -> Bool { access("\(path)/\(Self.name(of: id))", F_OK) == 0 }

  /// Does nothing where there is none.
  public func remove(_ id: String) throws(CacheFault) { try remove([Self.name(of: id)]) }

  /// Removes every file of an execution.
  ///
  /// - Returns: how many.
  public func removeAll() throws(CacheFault) -> Int {
    let names = isThere ? try names() : []
    try remove(names)
    return names.count
  }

  private var isThere: Bool { access(path, F_OK) == 0 || errno != ENOENT }

  /// A power cut does not bring them back.
  private func remove(_ names: [String]) throws(CacheFault) {
    guard !names.isEmpty, isThere else {
      return
    }
    var current = ""
    do throws(SystemFault) {
      let folder = try folder()
      var isChanged = false
      for name in names {
        current = "/\(name)"
        if unlinkat(folder.number, name, 0) == 0 {
          isChanged = true
        } else if errno != ENOENT {
          throw SystemFault("cannot be removed")
        }
      }
      current = ""
      if isChanged {
        try folder.flush()
      }
    } catch {
      throw CacheFault("\(path)\(current): \(error)")
    }
  }
}
