import Glibc

/// Who may read an output. The default: the agent's own user alone, 0600 for files and 0700 for folders.
///
/// The output belongs to exactly this owner and mode after each delivery: what others changed is set right, also where the
/// content did not change. An owner of `nil` is the user that the agent runs as; a group of `nil` is left as the system made it.
public struct OutputPermissions: Sendable, Hashable {
  /// Permission bits of files (of 0777).
  public var fileMode: mode_t { didSet { fileMode &= 0o777 } }
  /// Permission bits of folders that the output makes (of 0777); without meaning for an env file.
  public var folderMode: mode_t { didSet { folderMode &= 0o777 } }
  public var owner: uid_t?
  public var group: gid_t?

  public init(fileMode: mode_t = 0o600, folderMode: mode_t = 0o700, owner: uid_t? = nil, group: gid_t? = nil) {
    self.fileMode = fileMode & 0o777
    self.folderMode = folderMode & 0o777
    self.owner = owner
    self.group = group
  }

  /// Modes that would show values to every user of the node, or let every user replace them, are refused.
  func fault(at path: String) -> DeliveryFault? {
    if fileMode & 0o007 != 0 {
      return DeliveryFault(
        .path(path), "mode \(octal(fileMode)) opens the values to every user of the node",
        remedy: "use 0640 or 0440 and set a group")
    }
    if folderMode & 0o002 != 0 {
      return DeliveryFault(
        .path(path), "folder mode \(octal(folderMode)) lets every user of the node replace the values",
        remedy: "use 0750 or 0755 and set a group")
    }
    return nil
  }

  func areHeld(by status: stat) -> Bool {
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    // A folder's set-group-id bit is the operator's or the parent's; it stays.
    let bits = isFolder ? status.st_mode & 0o7777 & ~S_ISGID : status.st_mode & 0o7777
    return bits == (isFolder ? folderMode : fileMode) && status.st_uid == owner ?? geteuid()
      && (group.map { $0 == status.st_gid } ?? true)
  }

  /// Whether this process may set owner and mode of what exists; otherwise a new file must take its place.
  static func canBeSet(on status: stat) -> Bool {
    geteuid() == 0 || status.st_uid == geteuid()
  }

  /// Sets owner, then mode; at no moment is there a right that neither the earlier nor the wanted state gives.
  func apply(to file: borrowing FileDescriptor) throws(SystemFault) {
    let status = try file.status()
    guard !areHeld(by: status) else {
      return
    }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    let mode = (isFolder ? folderMode : fileMode) | (isFolder ? status.st_mode & S_ISGID : 0)
    // The new owner must not have, not even for a moment, what only the old one should: narrow first, widen last.
    let narrowed = status.st_mode & mode & 0o7777
    guard fchmod(file.number, narrowed) == 0 else {
      throw SystemFault("cannot set the mode")
    }
    let user = owner ?? geteuid()
    let newUser = user == status.st_uid ? uid_t.max : user
    let newGroup = group == status.st_gid ? gid_t.max : group ?? gid_t.max
    guard fchown(file.number, newUser, newGroup) == 0 else {
      throw SystemFault("cannot set the owner")
    }
    // Once the file is another's, its mode can be set with CAP_FOWNER only.
    guard narrowed == mode || fchmod(file.number, mode) == 0 else {
      throw SystemFault("cannot set the mode")
    }
  }

  private func octal(_ mode: mode_t) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
