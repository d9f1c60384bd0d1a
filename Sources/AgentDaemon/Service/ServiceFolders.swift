import Files
import Glibc

/// The folders that the daemon works in: it makes those that are not there, as systemd does by `StateDirectory=` and
/// `RuntimeDirectory=`.
enum ServiceFolders {
  /// Others may pass to what they may read below, and not list it.
  static let passable: mode_t = 0o711

  /// Makes the state folder and those of the sockets.
  ///
  /// - Throws: ``DaemonFault`` that names every folder that cannot be made, and the settings that name others.
  static func make(_ configuration: AgentConfiguration) throws(DaemonFault) {
    let sockets =
      [("api.socket", configuration.api.socket)]
      + (configuration.credentials.map { [("credentials.socket", $0.socket)] } ?? [])
      + (configuration.values.map { [("values.socket", $0.socket)] } ?? [])
    let wanted: [(setting: String, path: String, mode: mode_t)] =
      [("state_folder", configuration.stateFolder, 0o700)] + sockets.map { ($0.0, parent(of: $0.1), passable) }
    let faults = wanted.compactMap { folder -> String? in
      do throws(SystemFault) {
        try make(folder.path, folder.mode)
        return nil
      } catch {
        return "\(folder.path.asShownPath) (for \(folder.setting): \(SystemFault.text(of: error.code)))"
      }
    }
    guard faults.isEmpty else {
      let all = faults.joined(separator: ", ")
      throw DaemonFault("cannot make \(all); make them for user \(geteuid()), or name others in the settings")
    }
  }

  /// Makes `path` with `mode`, whatever the umask, and what is missing above it with 0755. What is there stays as it is.
  static func make(_ path: String, _ mode: mode_t) throws(SystemFault) {
    guard mkdir(path, mode) != 0 else {
      chmod(path, mode)
      return
    }
    switch errno {
    case EEXIST: return
    case ENOENT where parent(of: path) != path:
      try make(parent(of: path), 0o755)
      guard mkdir(path, mode) == 0 else {
        throw SystemFault("the folder cannot be made")
      }
      chmod(path, mode)
    default: throw SystemFault("the folder cannot be made")
    }
  }

  /// `/` of what lies there, `.` of a name alone.
  static func parent(of path: String) -> String {
    let trimmed = path.utf8.last == UInt8(ascii: "/") && path.utf8.count > 1 ? String(path.dropLast()) : path
    guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else {
      return "."
    }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
  }
}
