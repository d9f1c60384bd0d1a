import Files
import Glibc
import SecretBytes

/// One generation's folder, as it stands.
struct GenerationFolder: ~Copyable {
  private let folder: FileDescriptor

  init(_ layout: borrowing FilesLayout, _ name: String) throws(SystemFault) {
    folder = try FileDescriptor(in: layout.directory, name, O_RDONLY | O_DIRECTORY, "cannot open the generation")
  }

  /// `nil` where the folder does not hold exactly `secrets`; else whether all its owners and modes are as wanted.
  func holds(_ secrets: [DeliveredSecret], _ permissions: OutputPermissions) throws(SystemFault) -> Bool? {
    guard try Set(DirectoryEntry.names(in: folder)) == Set(secrets.map(\.name)) else {
      return nil
    }
    var areHeld = permissions.areHeld(by: try folder.status())
    for secret in secrets {
      guard let file = try? Self.open(secret.name, in: folder), let status = try? file.status(),
        status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1,
        try Self.holds(file, secret)
      else {
        return nil
      }
      let isHeld = permissions.areHeld(by: status)
      guard isHeld || OutputPermissions.canBeSet(on: status) else {
        return nil
      }
      areHeld = areHeld && isHeld
    }
    return areHeld
  }

  private static func holds(
    _ file: borrowing FileDescriptor, _ secret: DeliveredSecret
  ) throws(SystemFault) -> Bool {
    // A manifest tells of the generation that it stands in; a new one alone makes no new generation.
    guard secret.name != GenerationDirectory.manifestFile else {
      return true
    }
    guard let content = try file.read(exactly: secret.value.count) else {
      return false
    }
    return content == secret.value
  }

  func apply(_ permissions: OutputPermissions, _ names: Set<String>) throws(SystemFault) {
    for name in names {
      try permissions.apply(to: Self.open(name, in: folder))
    }
    try permissions.apply(to: folder)
  }

  private static func open(_ name: String, in folder: borrowing FileDescriptor) throws(SystemFault) -> FileDescriptor {
    try FileDescriptor(in: folder, name, O_RDONLY | O_NONBLOCK, "cannot open \(name)")
  }
}

/// A generation that this process wrote; unless it becomes current, it goes with this value.
struct WrittenGeneration: ~Copyable {
  private let layout: FilesLayout
  /// Held open, and locked, so that a cleaner sees that its writer lives.
  private let folder: FileDescriptor
  private let name: String
  /// The `..data` that is to be, under its temporary name.
  private let link: String
  var isCurrent = false

  private init(_ layout: consuming FilesLayout, _ folder: consuming FileDescriptor, _ name: String) {
    self.layout = layout
    self.folder = folder
    self.name = name
    link = FilesLayout.linkPrefix + RandomName.make()
  }

  /// Writes, reads back and flushes every file. The folder is the agent's alone until its last file is in it.
  static func write(
    _ secrets: [DeliveredSecret], in layout: borrowing FilesLayout, _ permissions: OutputPermissions
  ) throws(SystemFault) -> WrittenGeneration {
    let directory = try FileDescriptor(anew: layout.directory, "cannot open the directory")
    let name = FilesLayout.generationPrefix + RandomName.make()
    guard mkdirat(directory.number, name, 0o700) == 0 else {
      throw SystemFault("cannot make the generation's folder")
    }
    let folder = try open(name, madeIn: directory)
    // From here on the deinitializer cleans up, also when this throws.
    let generation = WrittenGeneration(FilesLayout(directory), folder, name)
    try generation.fill(with: secrets, permissions)
    return generation
  }

  private static func open(_ name: String, madeIn directory: borrowing FileDescriptor) throws(SystemFault)
    -> FileDescriptor
  {
    do throws(SystemFault) {
      return try FileDescriptor(in: directory, name, O_RDONLY | O_DIRECTORY, "cannot open the generation's folder")
    } catch {
      unlinkat(directory.number, name, AT_REMOVEDIR)
      throw error
    }
  }

  private func fill(with secrets: [DeliveredSecret], _ permissions: OutputPermissions) throws(SystemFault) {
    _ = folder.lock()
    // Whoever owns the directory above could have put another folder under this name.
    guard try folder.status().st_uid == geteuid() else {
      throw SystemFault("the generation's folder was exchanged while it was made", EPERM)
    }
    for secret in secrets {
      try Self.write(secret, in: folder, permissions)
    }
    try permissions.apply(to: folder)
    try folder.flush()
    guard symlinkat(name, layout.directory.number, link) == 0 else {
      throw SystemFault("cannot make the new ..data link")
    }
  }

  mutating func makeCurrent(in layout: borrowing FilesLayout) throws(SystemFault) {
    try layout.point(by: link)
    isCurrent = true
  }

  deinit {
    if !isCurrent {
      unlinkat(layout.directory.number, link, 0)
      try? layout.removeGeneration(name)
    }
  }

  private static func write(
    _ secret: DeliveredSecret, in folder: borrowing FileDescriptor, _ permissions: OutputPermissions
  ) throws(SystemFault) {
    let file = try FileDescriptor(
      in: folder, secret.name, O_RDWR | O_CREAT | O_EXCL, mode: 0o600, "cannot create the file \(secret.name)")
    try file.write(secret.value)
    guard let content = try file.read(exactly: secret.value.count), content == secret.value else {
      throw SystemFault("the file \(secret.name) reads back other than it was written", EIO)
    }
    try permissions.apply(to: file)
    try file.flush()
  }
}
