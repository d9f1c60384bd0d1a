import Files
import Glibc
import SecretBytes

/// A directory with one file a secret, in the layout of Kubernetes' projected volumes:
///
/// ```
/// DIRECTORY/NAME                          -> ..data/NAME
/// DIRECTORY/..data                        -> ..generation_<16 hex>
/// DIRECTORY/..generation_<16 hex>/NAME    the value: exact bytes, no newline added
/// ```
///
/// A new generation is a new folder; the rename of a new `..data` over the old swaps all files at once. A reader that opens
/// `DIRECTORY/..data` once and reads beneath it sees one generation only (or finds a file gone, when the old generation was
/// removed meanwhile, and opens it again). Link paths are relative: the directory can be mounted elsewhere.
///
/// The directory is made if it is missing (the folder above it must exist), and its owner and mode are kept as given. One that holds
/// other things and no `..data` of ours is refused; beside our own, other things are left alone.
public struct FilesDirectoryOutput: Sendable, Hashable {
  public let location: OutputLocation
  public let permissions: OutputPermissions

  public init(_ location: OutputLocation, permissions: OutputPermissions = OutputPermissions()) {
    self.location = location
    self.permissions = permissions
  }

  /// Removes the links, the generations and, if nothing else is in it and the system lets it go, the directory. Nothing there is fine.
  func remove() throws(DeliveryFault) {
    do throws(DeliveryFault) {
      let parent = try location.openFolder()
      do throws(SystemFault) {
        guard try DirectoryEntry(parent.name, in: parent.descriptor) != .absent else {
          return
        }
        let layout = try FilesLayout(
          FileDescriptor(in: parent.descriptor, parent.name, O_RDONLY | O_DIRECTORY, "cannot open the directory"))
        try layout.removeAll()
        // A mount point, or a directory with something else in it, stays.
        if unlinkat(parent.descriptor.number, parent.name, AT_REMOVEDIR) == 0 {
          try parent.descriptor.flush()
        }
      } catch {
        throw error.at(location.shown)
      }
    } catch {
      guard error.systemError == ENOENT else {
        throw error
      }
    }
  }
}

/// The names inside a files directory, and what is done with each. Every step is relative to the open directory and follows no link.
struct FilesLayout: ~Copyable {
  let directory: FileDescriptor

  static let data = "..data"
  static let generationPrefix = "..generation_"
  static let linkPrefix = "..data_"

  init(_ directory: consuming FileDescriptor) {
    self.directory = directory
  }

  /// Whether `name` is a file of a generation: a secret's, or one of the two that stand beside the secrets and cannot be named by
  /// any, since their names start with a dot.
  static func isEntry(_ name: String) -> Bool {
    DeliveredSecret.isFileName(name) || name == GenerationDirectory.environmentFile
      || name == GenerationDirectory.manifestFile
  }

  static func linkTarget(_ name: String) -> String { "\(data)/\(name)" }

  static func isGeneration(_ name: String) -> Bool { RandomName.isMade(name, prefix: generationPrefix) }

  /// The folder that `..data` names; `nil` where there is no `..data`.
  func current() throws(SystemFault) -> String? {
    switch try DirectoryEntry(Self.data, in: directory) {
    case .absent: return nil
    case .link(let target) where Self.isGeneration(target): return target
    default: throw SystemFault("the directory's ..data is not this agent's", EEXIST)
    }
  }

  /// The names of secrets that have a link of ours.
  func linkedNames() throws(SystemFault) -> Set<String> {
    var names: Set<String> = []
    for name in try DirectoryEntry.names(in: directory) where Self.isEntry(name) {
      if try DirectoryEntry(name, in: directory) == .link(to: Self.linkTarget(name)) {
        names.insert(name)
      }
    }
    return names
  }

  /// True where something stands in the directory that this agent would not have put there.
  func holdsForeign() throws(SystemFault) -> Bool {
    let linked = try linkedNames()
    return try DirectoryEntry.names(in: directory).contains { name in
      !(linked.contains(name) || Self.isGeneration(name) || RandomName.isMade(name, prefix: Self.linkPrefix))
    }
  }

  /// Points `..data` at `generation` in one step.
  func point(to generation: String) throws(SystemFault) {
    let link = Self.linkPrefix + RandomName.make()
    guard symlinkat(generation, directory.number, link) == 0 else {
      throw SystemFault("cannot make the new ..data link")
    }
    try point(by: link)
  }

  /// Puts the link `link` in the place of `..data`.
  func point(by link: String) throws(SystemFault) {
    guard renameat(directory.number, link, directory.number, Self.data) == 0 else {
      let fault = SystemFault("cannot swap ..data")
      unlinkat(directory.number, link, 0)
      throw fault
    }
  }

  /// Removes a generation's folder: flat, without following anything.
  func removeGeneration(_ name: String) throws(SystemFault) {
    do throws(SystemFault) {
      let folder = try FileDescriptor(in: directory, name, O_RDONLY | O_DIRECTORY, "cannot open an old generation")
      for file in try DirectoryEntry.names(in: folder) {
        unlinkat(folder.number, file, 0)
      }
    } catch {
      guard error.code != ENOENT else {
        return
      }
      throw error
    }
    guard unlinkat(directory.number, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
      throw SystemFault("cannot remove an old generation")
    }
  }

  /// Removes what killed writers left: generations that are not current and that no living writer holds, and links to them.
  func removeStale() throws(SystemFault) {
    let names = try DirectoryEntry.names(in: directory)
    for name in names where Self.isGeneration(name) {
      guard let folder = try? FileDescriptor(in: directory, name, O_RDONLY | O_DIRECTORY, ""), folder.lock() else {
        continue
      }
      // Asked anew under the lock: another writer may have made it current since.
      if try current() != name {
        try removeGeneration(name)
      }
    }
    for name in names where RandomName.isMade(name, prefix: Self.linkPrefix) {
      if case .link(let target) = try DirectoryEntry(name, in: directory),
        try DirectoryEntry(target, in: directory) == .absent
      {
        unlinkat(directory.number, name, 0)
      }
    }
  }

  func removeLinks(_ names: some Sequence<String>) throws(SystemFault) {
    for name in names {
      // Asked again: a link may have been replaced since it was listed.
      if try DirectoryEntry(name, in: directory) == .link(to: Self.linkTarget(name)),
        unlinkat(directory.number, name, 0) != 0, errno != ENOENT
      {
        throw SystemFault("cannot remove the link \(name)")
      }
    }
  }

  func removeAll() throws(SystemFault) {
    let linked = try linkedNames()
    if try current() != nil, unlinkat(directory.number, Self.data, 0) != 0, errno != ENOENT {
      throw SystemFault("cannot remove ..data")
    }
    try removeLinks(linked)
    for name in try DirectoryEntry.names(in: directory) {
      if Self.isGeneration(name) {
        try removeGeneration(name)
      } else if RandomName.isMade(name, prefix: Self.linkPrefix) {
        unlinkat(directory.number, name, 0)
      }
    }
    try directory.flush()
  }
}
