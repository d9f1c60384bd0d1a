import Files
import Glibc
import Logging
import Text

/// The folders that the daemon works in: it makes those that are not there, as systemd does by `StateDirectory=` and
/// `RuntimeDirectory=`.
enum ServiceFolders {
  /// Others may pass to what they may read below, and not list it.
  static let passable: mode_t = 0o711

  /// Makes the state folder and those of the sockets.
  ///
  /// - Throws: ``DaemonFault`` that names every folder that cannot be made, that of the documents too, and the settings that name others.
  static func make(_ configuration: AgentConfiguration) throws(DaemonFault) {
    let sockets =
      [("api.socket", configuration.api.socket)]
      + (configuration.credentials.map { [("credentials.socket", $0.socket)] } ?? [])
      + (configuration.values.map { [("values.socket", $0.socket)] } ?? [])
    let wanted: [(setting: String, path: String, mode: mode_t)] =
      [("state_folder", configuration.stateFolder, 0o700)] + sockets.map { ($0.0, parent(of: $0.1), passable) }
    let faults = wanted.compactMap { folder -> Fault? in
      fault(making: folder.path, folder.mode).map { Fault(setting: folder.setting, path: folder.path, code: $0) }
    }
    guard !faults.isEmpty else {
      return
    }
    // Who makes the others makes this one with them.
    let documents = configuration.folder.flatMap { folder in
      fault(making: folder.path, documentsMode).map { Fault(setting: "sources.folder", path: folder.path, code: $0) }
    }
    let all = (faults + [documents].compactMap { $0 }).map(\.text).joined(separator: ", ")
    throw DaemonFault(
      "cannot make \(all); make them for user \(geteuid()), or name others in the settings",
      faults.map { DaemonFault.Kind(of: $0.code) }.max() ?? .isUnwritable)
  }

  /// Makes the folder of documents where it can. That it is not there is no reason not to start: a volume may be mounted there yet.
  static func makeDocuments(_ configuration: AgentConfiguration, _ log: Logger) {
    guard let path = configuration.folder?.path, let code = fault(making: path, documentsMode) else {
      return
    }
    log.warning(
      "folder of documents not made",
      metadata: [
        "folder": "\(ShownText.clean(path, atMost: 1024))", "reason": "\(SystemFault.text(of: code))",
        "hint": "mkdir -p \(ShownText.clean(path, atMost: 1024))",
      ])
  }

  /// A folder that could not be made.
  private struct Fault {
    let setting: String
    let path: String
    let code: Int32

    var text: String { "\(path.asShownPath) (for \(setting): \(SystemFault.text(of: code)))" }
  }

  private static let documentsMode: mode_t = 0o755

  /// The system's error number, where it cannot be made.
  private static func fault(making path: String, _ mode: mode_t) -> Int32? {
    do throws(SystemFault) {
      try make(path, mode)
      return nil
    } catch {
      return error.code
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
