import Glibc
import Settings

/// One entry of `notices` as the file has it.
private struct NoticeSettings: Sendable {
  var signal: Int32?
  var pid: Int?
  var pidFile: String?
  var command: [String]?
  var timeLimit = Duration.seconds(30)
  var unit: String?

  /// The notice; the rules let nothing else come here than what makes one.
  func notice() throws(SettingFault) -> AgentConfiguration.Notice {
    switch (signal, command, unit) {
    case (let signal?, nil, nil):
      if let pid {
        return .signalPID(signal, pid_t(pid))
      }
      if let pidFile {
        return .signalFile(signal, pidFile)
      }
    case (nil, let command?, nil): return .command(command, timeLimit: timeLimit)
    case (nil, nil, let unit?): return .unitReload(unit)
    default: break
    }
    throw SettingFault("is not a notice")
  }

  static let settings = SettingsObject<NoticeSettings>(rules: [
    .exactlyOne(of: [\.signal, \.command, \.unit]),
    .exactlyOne(of: [\.pid, \.pidFile], where: \.signal),
  ]) {
    Setting("signal", .signal, \.signal, "A signal to one process.")
    Setting("pid", .integer(2...4_194_304), \.pid, "The process that gets the signal.")
    Setting("pid_file", .path, \.pidFile, "A file that holds the process's number; placeholders are filled in.")
    Setting(
      "command", .command, \.command, "A command: its absolute path, then its arguments; placeholders are filled in.")
    Setting("time_limit", .duration(atLeast: .seconds(1)), \.timeLimit, "How long the command may take.")
    Setting("unit", .text, \.unit, "A unit that systemd reloads or restarts; placeholders are filled in.")
  }
}

extension SettingKind where Value == AgentConfiguration.Notice {
  static var notice: SettingKind {
    SettingKind<NoticeSettings>.object(NoticeSettings.settings, from: NoticeSettings())
      .refined { settings throws(SettingFault) in try settings.notice() }
  }
}

extension SettingKind where Value == Int32 {
  fileprivate static var signal: SettingKind {
    parsed("a signal as HUP, USR1 or SIGTERM") { Signals.number($0) }
  }
}

extension SettingKind where Value == [String] {
  fileprivate static var command: SettingKind {
    let expected = "a list: the program's absolute path, then its arguments"
    return list(of: .argument, expected, refusingEmpty: "expected \(expected)").refined {
      command throws(SettingFault) in
      guard command.first?.hasPrefix("/") == true else {
        throw SettingFault("expected \(expected)")
      }
      return command
    }
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
