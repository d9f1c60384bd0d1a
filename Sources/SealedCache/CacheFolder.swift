import Files
import Glibc
import SecretBytes

/// The sealed generations of the node, one file an execution; mode 0700, files 0600.
public struct CacheFolder: Sendable {
  private static let suffix = ".sealed"
  private static let largestFile = 256 * 1024 * 1024

  public let path: String
  private let keys: CacheKeys

  /// - Throws: where the folder cannot be made.
  public init(_ path: String, _ keys: CacheKeys) throws(CacheFault) {
    self.path = path
    self.keys = keys
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw CacheFault("\(path): \(String(cString: strerror(errno)))")
    }
    if let folder = try? open() {
      try? TemporaryFile.removeStale(in: folder, owner: nil)
    }
  }

  private func open() throws(SystemFault) -> FileDescriptor {
    try FileDescriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, "cannot open the folder")
  }

  /// A digest: ids have any length and any letters.
  private func name(of id: String) -> String { SHA256.hexDigest(SecretBytes(id)) + Self.suffix }

  /// A crash leaves the old file or the new one.
  public func write(_ generation: CachedGeneration) throws(CacheFault) {
    let sealed = try generation.sealed(with: keys)
    do throws(SystemFault) {
      try TemporaryFile.replace(name(of: generation.executionID), with: sealed, in: open())
    } catch {
      throw CacheFault("\(path)/\(name(of: generation.executionID)): \(error)")
    }
  }

  /// `nil` where there is none.
  ///
  /// - Throws: where there is one that cannot be used; it is left for ``all()`` to tell of, and replaced by the next that is written.
  public func read(_ id: String) throws(CacheFault) -> CachedGeneration? {
    let generation = try read(file: name(of: id))
    guard generation.map({ $0.executionID == id }) ?? true else {
      throw CacheFault("\(path)/\(name(of: id)): of another execution")
    }
    return generation
  }

  private func read(file name: String) throws(CacheFault) -> CachedGeneration? {
    guard let bytes = try file(name) else {
      return nil
    }
    do throws(CacheFault) {
      return try CachedGeneration(opening: bytes, with: keys)
    } catch {
      throw CacheFault("\(path)/\(name): \(error)")
    }
  }

  /// What is in the folder: each file's generation, or why it cannot be used.
  public func all() throws(CacheFault) -> [Result<CachedGeneration, CacheFault>] {
    try names().compactMap { name in
      do throws(CacheFault) {
        return try read(file: name).map { .success($0) }
      } catch {
        return .failure(error)
      }
    }
  }

  private func names() throws(CacheFault) -> [String] {
    do throws(SystemFault) {
      return try DirectoryEntry.names(in: open()).filter { $0.hasSuffix(Self.suffix) }.sorted()
    } catch {
      throw CacheFault("\(path): \(error)")
    }
  }

  /// Removes every file.
  ///
  /// - Returns: how many.
  public func removeAll() throws(CacheFault) -> Int {
    let names = try names()
    for name in names where unlink("\(path)/\(name)") != 0 && errno != ENOENT {
      throw CacheFault("\(path)/\(name): \(String(cString: strerror(errno)))")
    }
    return names.count
  }

  private func file(_ name: String) throws(CacheFault) -> SecretBytes? {
    do throws(WholeFile.Fault) {
      return try WholeFile.contents(
        of: WholeFile.open("\(path)/\(name)", links: .refused), limit: Self.largestFile)
    } catch {
      if error == .missing {
        return nil
      }
      throw CacheFault("\(path)/\(name): cannot be read: \(error)")
    }
  }

  /// Does nothing where there is none.
  public func remove(_ id: String) throws(CacheFault) {
    guard unlink("\(path)/\(name(of: id))") == 0 || errno == ENOENT else {
      throw CacheFault("\(path)/\(name(of: id)): \(String(cString: strerror(errno)))")
    }
  }
}
