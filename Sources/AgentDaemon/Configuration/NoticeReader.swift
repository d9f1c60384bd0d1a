import Glibc

/// Reads one entry of `notices`: exactly one of `signal`, `command`, `unit`.
enum NoticeReader {
  static func notice(_ block: ConfigurationBlock) -> AgentConfiguration.Notice? {
    let signal = block.text("signal")
    let pid = block.integer("pid", 2...4_194_304)
    let pidFile = block.path("pid_file")
    let command = block.texts("command")
    let limit = block.duration("time_limit", atLeast: .seconds(1))
    let unit = block.text("unit")
    block.finish()
    let kinds = [signal != nil, command != nil, unit != nil].count { $0 }
    guard kinds == 1 else {
      block.fault("", "a notice is one of signal, command, unit")
      return nil
    }
    if let signal {
      guard let number = Signals.number(signal) else {
        block.fault("signal", "expected a signal as HUP, USR1 or SIGTERM")
        return nil
      }
      switch (pid, pidFile) {
      case (let pid?, nil): return .signalPID(number, pid_t(pid))
      case (nil, let file?): return .signalFile(number, file)
      default:
        block.fault("signal", "needs exactly one of pid, pid_file")
        return nil
      }
    }
    if let command {
      guard command.first?.hasPrefix("/") == true else {
        block.fault("command", "expected a list: the program's absolute path, then its arguments")
        return nil
      }
      return .command(command, timeLimit: limit ?? .seconds(30))
    }
    return unit.map { .unitReload($0) }
  }
}

/// Signals by name.
public enum Signals {
  private static let numbers: [String: Int32] = [
    "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "USR1": SIGUSR1, "USR2": SIGUSR2, "TERM": SIGTERM, "KILL": SIGKILL,
    "ALRM": SIGALRM, "WINCH": SIGWINCH, "CONT": SIGCONT, "STOP": SIGSTOP,
  ]

  /// `HUP`, `SIGHUP` or its number.
  public static func number(_ name: String) -> Int32? {
    if let number = Int32(name) {
      return (1...64).contains(number) ? number : nil
    }
    let upper = name.uppercased()
    return numbers[upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper]
  }
}
