import Files
import Glibc
import SecretBytes

/// A files directory's new generation, complete on the disk beside the current one, or nothing to do. Unless it becomes current, it
/// goes with this value.
struct StagedFiles: ~Copyable {
  private let layout: FilesLayout
  private let permissions: OutputPermissions
  private let shown: String
  private let names: Set<String>
  /// What `..data` names before the swap.
  private let previous: String?
  private var written: WrittenGeneration?
  private var addedLinks: [String] = []
  private var emptyDirectory: MadeDirectory?
  private(set) var change: OutputChange

  private init(
    in layout: consuming FilesLayout, made: consuming MadeDirectory, of output: FilesDirectoryOutput,
    named names: Set<String>, previous: String?, written: consuming WrittenGeneration?, change: OutputChange
  ) {
    self.layout = layout
    emptyDirectory = consume made
    shown = output.location.shown
    permissions = output.permissions
    self.names = names
    self.previous = previous
    self.written = written
    self.change = change
  }

  /// Writes a new generation, reads it back, and checks all that can be checked before the swap. Throws every unfit name.
  static func stage(_ output: FilesDirectoryOutput, _ secrets: [DeliveredSecret]) throws(DeliveryFaults) -> StagedFiles
  {
    let faults = nameFaults(secrets) + (output.permissions.fault(at: output.location.shown).map { [$0] } ?? [])
    if let faults = DeliveryFaults(faults) {
      throw faults
    }
    do throws(DeliveryFault) {
      let parent = try output.location.openFolder()
      do throws(SystemFault) {
        let made = try MadeDirectory.ensure(parent)
        let directory = try FileDescriptor(
          in: parent.descriptor, parent.name, O_RDONLY | O_DIRECTORY, "cannot open the directory")
        return try stage(FilesLayout(directory), made, output, secrets)
      } catch {
        throw error.at(output.location.shown)
      }
    } catch {
      throw DeliveryFaults(error)
    }
  }

  private static func stage(
    _ layout: consuming FilesLayout, _ made: consuming MadeDirectory, _ output: FilesDirectoryOutput,
    _ secrets: [DeliveredSecret]
  ) throws(SystemFault) -> StagedFiles {
    let current = try layout.current()
    let names = Set(secrets.map(\.name))
    if current == nil, try layout.holdsForeign() {
      throw SystemFault("the directory holds files that are not this agent's", EEXIST)
    }
    try checkCollisions(layout, names)
    try? layout.removeStale()
    let change = try compare(layout, current, secrets, output.permissions)
    var written: WrittenGeneration?
    if change == .content {
      written = try WrittenGeneration.write(secrets, in: layout, output.permissions)
    }
    return StagedFiles(
      in: layout, made: made, of: output, named: names, previous: current, written: written, change: change)
  }

  /// Adds the new links, then makes the new generation current: Kubernetes' order, so that whoever sees the swap finds every name.
  /// Nothing is flushed here, so that the env file's rename can follow at once; ``finish()`` does that.
  mutating func swap() throws(DeliveryFaults) {
    do throws(SystemFault) {
      try permissions.apply(to: layout.directory)
      if change == .permissions, let previous {
        try GenerationFolder(layout, previous).apply(permissions, names)
      }
      try addLinks()
      if written != nil {
        try written?.makeCurrent(in: layout)
      }
    } catch {
      throw DeliveryFaults(error.at(shown), rollBack())
    }
  }

  /// Makes the earlier generation current again. What could not be undone is said.
  mutating func rollBack() -> [DeliveryFault] {
    do throws(SystemFault) {
      if written?.isCurrent == true {
        if let previous {
          try layout.point(to: previous)
        } else if unlinkat(layout.directory.number, FilesLayout.data, 0) != 0 {
          throw SystemFault("cannot remove ..data")
        }
        written?.isCurrent = false
      }
      try layout.removeLinks(addedLinks)
      addedLinks = []
      return []
    } catch {
      return [
        DeliveryFault(
          .path(shown), "the directory shows the new generation, and going back failed: \(error.action)",
          remedy: "deliver again once the other fault is mended", systemError: error.code)
      ]
    }
  }

  /// Flushes the swap, then removes what the new generation no longer has: links, then the earlier generation.
  mutating func finish() -> [DeliveryFault] {
    emptyDirectory?.keep()
    guard change != .none else {
      return []
    }
    do throws(SystemFault) {
      try layout.directory.flush()
      try layout.removeLinks(layout.linkedNames().subtracting(names))
      if change == .content, let previous {
        try layout.removeGeneration(previous)
      }
      try layout.directory.flush()
      return []
    } catch {
      return [error.at(shown)]
    }
  }

  private mutating func addLinks() throws(SystemFault) {
    for name in names {
      if symlinkat(FilesLayout.linkTarget(name), layout.directory.number, name) == 0 {
        addedLinks.append(name)
      } else if errno != EEXIST {
        throw SystemFault("cannot make the link \(name)")
      } else if try DirectoryEntry(name, in: layout.directory) != .link(to: FilesLayout.linkTarget(name)) {
        throw SystemFault("the directory holds something else of the name \(name)", EEXIST)
      }
    }
  }

  private static func nameFaults(_ secrets: [DeliveredSecret]) -> [DeliveryFault] {
    secrets.repeatedNames.map(EnvironmentVariableRules.repeated)
      + secrets.filter { !FilesLayout.isEntry($0.name) }.map {
        DeliveryFault(
          .secret($0.name), "the name cannot be a file's",
          remedy:
            "use letters, digits, _, - and . (no leading dot, no .., at most \(DeliveredSecret.longestName) bytes)")
      }
  }

  private static func checkCollisions(_ layout: borrowing FilesLayout, _ names: Set<String>) throws(SystemFault) {
    for name in names.sorted() {
      switch try DirectoryEntry(name, in: layout.directory) {
      case .absent, .link(to: FilesLayout.linkTarget(name)): continue
      default: throw SystemFault("the directory holds something else of the name \(name)", EEXIST)
      }
    }
  }

  private static func compare(
    _ layout: borrowing FilesLayout, _ current: String?, _ secrets: [DeliveredSecret], _ permissions: OutputPermissions
  ) throws(SystemFault) -> OutputChange {
    guard let current, let folder = try? GenerationFolder(layout, current),
      let areHeld = try folder.holds(secrets, permissions)
    else {
      return .content
    }
    let linksAreRight = try layout.linkedNames() == Set(secrets.map(\.name))
    let directory = try layout.directory.status()
    return areHeld && linksAreRight && permissions.areHeld(by: directory) ? .none : .permissions
  }
}
