import Files
import Glibc
import SecretBytes

/// An env file of an execution.
public struct EnvironmentFileOutput: Sendable, Hashable {
  public let location: OutputLocation
  public let format: EnvironmentFormat
  public let permissions: OutputPermissions

  public init(
    _ location: OutputLocation, format: EnvironmentFormat = .dotenv,
    permissions: OutputPermissions = OutputPermissions()
  ) {
    self.location = location
    self.format = format
    self.permissions = permissions
  }

  /// Removes the file and what a killed writer left; nothing there is fine, anything but a regular file is a fault. The blocks on
  /// the disk are not overwritten.
  func remove() throws(DeliveryFault) {
    let folder: OutputFolder
    do throws(DeliveryFault) {
      folder = try location.openFolder()
    } catch {
      guard error.systemError == ENOENT else {
        throw error
      }
      return
    }
    do throws(SystemFault) {
      try? TemporaryFile.removeStale(in: folder.descriptor, owner: permissions.owner)
      switch try DirectoryEntry(folder.name, in: folder.descriptor) {
      case .absent: return
      case .regularFile: break
      default: throw SystemFault("the output is not a regular file, so it is not this agent's to remove", EEXIST)
      }
      guard unlinkat(folder.descriptor.number, folder.name, 0) == 0 || errno == ENOENT else {
        throw SystemFault("cannot remove the file")
      }
      try folder.descriptor.flush()
    } catch {
      throw error.at(location.shown)
    }
  }
}

/// An env file's new state, complete on the disk beside the old one, or nothing to do.
struct StagedEnvironmentFile: ~Copyable {
  private let folder: OutputFolder
  private let permissions: OutputPermissions
  private var temporary: TemporaryFile?
  let change: OutputChange

  private init(
    _ folder: consuming OutputFolder, _ permissions: OutputPermissions, _ temporary: consuming TemporaryFile?,
    _ change: OutputChange
  ) {
    self.folder = folder
    self.permissions = permissions
    self.temporary = temporary
    self.change = change
  }

  /// Renders, reads the text by the consumer's grammar and compares with what was meant, writes, and reads the file back.
  static func stage(
    _ output: EnvironmentFileOutput, _ secrets: [DeliveredSecret], method: TemporaryFile.Method = .anonymous
  ) throws(DeliveryFaults) -> StagedEnvironmentFile {
    let text = try EnvironmentFile.render(secrets, format: output.format)
    do throws(DeliveryFault) {
      if let fault = output.permissions.fault(at: output.location.shown) {
        throw fault
      }
      try verify(text, output, secrets)
      let folder = try output.location.openFolder()
      do throws(SystemFault) {
        return try stage(text, folder, output.permissions, method)
      } catch {
        throw error.at(output.location.shown)
      }
    } catch {
      throw DeliveryFaults(error)
    }
  }

  private static func stage(
    _ text: SecretBytes, _ folder: consuming OutputFolder, _ permissions: OutputPermissions,
    _ method: TemporaryFile.Method
  ) throws(SystemFault) -> StagedEnvironmentFile {
    let change = try compare(text, folder, permissions)
    guard change == .content else {
      return StagedEnvironmentFile(folder, permissions, nil, change)
    }
    try? TemporaryFile.removeStale(in: folder.descriptor, owner: permissions.owner)
    let file = try TemporaryFile.write(text, in: folder.descriptor, method) { file throws(SystemFault) in
      try permissions.apply(to: file)
    }
    guard let written = try file.read(exactly: text.count), written == text else {
      throw SystemFault("the file reads back other than it was written", EIO)
    }
    return StagedEnvironmentFile(folder, permissions, file, change)
  }

  /// The file takes its place; or only owner and mode are set right.
  mutating func commit() throws(DeliveryFault) {
    do throws(SystemFault) {
      switch change {
      case .none:
        return
      case .permissions:
        try permissions.apply(
          to: FileDescriptor(in: folder.descriptor, folder.name, O_RDONLY | O_NONBLOCK, "cannot open the file"))
      case .content:
        try temporary?.rename(to: folder.name)
      }
    } catch {
      throw error.at(folder.shown)
    }
  }

  /// The new name reaches the disk.
  func flush() throws(DeliveryFault) {
    do throws(SystemFault) {
      try folder.descriptor.flush()
    } catch {
      throw error.at(folder.shown)
    }
  }

  private static func verify(
    _ text: SecretBytes, _ output: EnvironmentFileOutput, _ secrets: [DeliveredSecret]
  ) throws(DeliveryFault) {
    guard try EnvironmentFile.parse(text, format: output.format) == secrets.sortedByName() else {
      throw DeliveryFault(
        .path(output.location.shown), "the \(output.format.rawValue) text reads back other than it was meant",
        remedy: "report this with the format's name; until then use another format or files")
    }
  }

  private static func compare(
    _ text: SecretBytes, _ folder: borrowing OutputFolder, _ permissions: OutputPermissions
  ) throws(SystemFault) -> OutputChange {
    switch try DirectoryEntry(folder.name, in: folder.descriptor) {
    case .absent:
      return .content
    case .regularFile:
      break
    case .folder:
      throw SystemFault("the output path is a folder", EISDIR)
    case .link:
      throw SystemFault("the output path is a symbolic link", ELOOP)
    case .other:
      throw SystemFault("the output path is not a regular file", EEXIST)
    }
    guard let old = try? FileDescriptor(in: folder.descriptor, folder.name, O_RDONLY | O_NONBLOCK, "") else {
      // Unreadable: the rename below needs no right to the old file.
      return .content
    }
    let status = try old.status()
    // A second hard link would keep the content, and with it later ones, in reach of whoever made it.
    guard status.st_nlink == 1, try old.read(exactly: text.count) == text else {
      return .content
    }
    if permissions.areHeld(by: status) {
      return .none
    }
    return OutputPermissions.canBeSet(on: status) ? .permissions : .content
  }
}
