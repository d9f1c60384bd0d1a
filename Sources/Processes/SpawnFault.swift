import Files
import Glibc

/// Why a command could not be started, as one line.
public struct SpawnFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The command's name, empty where there is none.
  public let command: String
  /// The system's error number.
  public let code: Int32

  init(_ command: String, _ code: Int32) {
    self.command = command
    self.code = code
  }

  /// What env(1) and shells exit with: 127 where there is no such command, 126 where it cannot be run.
  public var exitStatus: Int32 { code == ENOENT ? 127 : 126 }

  /// Whether it names nothing that can be run, in contrast to something that cannot be run now.
  public var isNoProgram: Bool { [ENOENT, EACCES].contains(code) }

  public var description: String {
    guard !command.isEmpty else {
      return "\(command.asShownPath): there is no command; name one after --"
    }
    let cause = SystemFault.text(of: code)
    let problem =
      switch code {
      case ENOENT: "no such command: \(cause); check its name and PATH"
      case EACCES:
        "the command cannot be run: \(cause); "
          + "check that it is a file with the execute bit, on a file system not mounted noexec"
      case E2BIG: "arguments and environment are larger than the kernel takes: \(cause); deliver large values as files"
      default: "the command cannot be started: \(cause)"
      }
    return "\(command.asShownPath): \(problem)"
  }
}
