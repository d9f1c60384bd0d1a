import Files
import Glibc
import SecretBytes

/// The sealed generations of the node, one file an execution; mode 0700, files 0600.
public struct CacheFolder: Sendable {
  private static let largestFile = 256 * 1024 * 1024

  /// Names, and removal, for which no key is needed.
  public let files: CacheFiles
  private let keys: CacheKeys

  /// - Throws: where the folder cannot be made, or others can write into it.
  public init(_ path: String, _ keys: CacheKeys) throws(CacheFault) {
    files = CacheFiles(path)
    self.keys = keys
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      let code = errno
      throw CacheFault("\(path): \(SystemFault.text(of: code))", systemError: code)
    }
    try files.check()
    if let folder = try? files.folder() {
      try? TemporaryFile.removeStale(in: folder, owner: nil)
    }
  }

  /// Whether ``init(_:_:)`` could be, without making anything; a folder that is not there is made then.
  ///
  /// - Throws: why not.
  public static func check(_ path: String) throws(CacheFault) {
    if access(path, F_OK) == 0 || errno != ENOENT {
      try CacheFiles(path).check()
    }
  }

  public var path: String { files.path }

  /// A crash leaves the old file or the new one.
  public func write(_ generation: CachedGeneration) throws(CacheFault) {
    let name = CacheFiles.name(of: generation.executionID)
    let sealed = try generation.sealed(with: keys)
    do throws(SystemFault) {
      try TemporaryFile.replace(name, with: sealed, in: files.folder())
    } catch {
      throw CacheFault("\(path)/\(name): \(error)")
    }
  }

  /// `nil` where there is none.
  ///
  /// - Throws: where there is one that cannot be used; it is left for ``visit(_:)`` to tell of, and replaced by the next that is written.
  public func read(_ id: String) throws(CacheFault) -> CachedGeneration? {
    let name = CacheFiles.name(of: id)
    let generation = try read(file: name)
    guard generation.map({ $0.executionID == id }) ?? true else {
      throw Self.misplaced("\(path)/\(name)")
    }
    return generation
  }

  private static func misplaced(_ file: String) -> CacheFault {
    CacheFault("\(file): of another execution; it is not used, and `secrets-agent cache purge` removes it")
  }

  /// Whether its file is sealed by the key that seals now.
  public func isOfNewestKey(_ id: String) -> Bool {
    let lead = CachedGeneration.lead(of: keys.all.first)
    return files.beginning(of: CacheFiles.name(of: id), lead.count) == lead
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

  /// What is in the folder: each file's generation, or why it cannot be used. One after the other, since all of them together may be
  /// more than fits into memory.
  public func visit(_ body: (Result<CachedGeneration, CacheFault>) -> Void) throws(CacheFault) {
    for name in try files.names() {
      let result: Result<CachedGeneration, CacheFault>
      do throws(CacheFault) {
        guard let generation = try read(file: name) else {
          // It went meanwhile.
          continue
        }
        guard CacheFiles.name(of: generation.executionID) == name else {
          throw Self.misplaced("\(path)/\(name)")
        }
        result = .success(generation)
      } catch {
        result = .failure(error)
      }
      body(result)
    }
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
  public func remove(_ id: String) throws(CacheFault) { try files.remove(id) }
}
