import CLinux
import Glibc
import SecretBytes

/// How a workload is told that its secrets changed, or that it is to end.
public enum ChangeNotice: Sendable, Hashable {
  /// A signal to a process.
  case signal(Int32, pid: pid_t)
  /// A signal to the process whose number stands in a file, which is read anew each time.
  case signalFile(Int32, pidFile: String)
  /// A command with its arguments, without a shell. At the time limit it is asked to end (SIGTERM), and 5 s later made to (SIGKILL),
  /// with everything else in its process group.
  case command([String], timeLimit: Duration)
  /// `systemctl reload-or-restart` of a unit, with a time limit of 30 s.
  case unitReload(String)
  /// `systemctl stop` of a unit, with the same limit.
  case unitStop(String)
}

/// How giving a notice went.
public struct NoticeOutcome: Sendable, Equatable {
  public let succeeded: Bool
  /// One line, without values and without the command's arguments.
  public let message: String
  /// The first lines that a command wrote to its standard output and error, secrets' values replaced by `<redacted>`: at most 100 of
  /// 500 bytes.
  public let output: [String]

  public init(succeeded: Bool, message: String, output: [String] = []) {
    self.succeeded = succeeded
    self.message = message
    self.output = output
  }

  static func failure(_ message: String, output: [String] = []) -> NoticeOutcome {
    NoticeOutcome(succeeded: false, message: message, output: output)
  }
}

/// `SIGHUP`, or `signal 40` for those without a name.
func signalName(_ number: Int32) -> String {
  linux_signal_name(number).map { "SIG" + String(cString: $0) } ?? "signal \(number)"
}
