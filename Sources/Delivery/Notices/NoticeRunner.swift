import EventLoop
import Masking
import Processes
import SecretBytes

/// Gives change notices.
public struct NoticeRunner: Sendable {
  private let loop: EventLoop

  public init(loop: EventLoop) {
    self.loop = loop
  }

  /// Gives one notice and returns when it is given: for a command, when that has ended. Where the task is cancelled, a command is ended
  /// as at its time limit.
  /// - Parameters:
  ///   - environment: the command's, with the PATH by which it is found.
  ///   - values: what is replaced in the command's output. Those under 4 bytes are not.
  public func run(
    _ notice: ChangeNotice, environment: ProcessEnvironment, hiding values: [SecretBytes]
  ) async -> NoticeOutcome {
    switch notice {
    case .signal(let number, let pid):
      return SignalNotice.send(number, to: pid)
    case .signalFile(let number, let pidFile):
      return SignalNotice.send(number, pidFile: pidFile)
    case .command(let arguments, let timeLimit):
      return await run(arguments, timeLimit, environment, values)
    case .unitReload(let unit):
      return await run("reload-or-restart", unit, environment, values)
    case .unitStop(let unit):
      return await run("stop", unit, environment, values)
    }
  }

  private func run(
    _ verb: String, _ unit: String, _ environment: ProcessEnvironment, _ values: [SecretBytes]
  ) async -> NoticeOutcome {
    guard Self.isUnitName(unit) else {
      return .failure("the notice's unit is no name of a systemd unit")
    }
    return await run(["systemctl", verb, "--", unit], .seconds(30), environment, values)
  }

  private func run(
    _ arguments: [String], _ timeLimit: Duration, _ environment: ProcessEnvironment, _ values: [SecretBytes]
  ) async -> NoticeOutcome {
    guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
      return .failure("the command cannot be started: an argument holds a NUL")
    }
    let command = CommandNotice(
      arguments: arguments, timeLimit: timeLimit, environment: environment,
      hidden: MaskedValues(values), loop: loop)
    return await command.run()
  }

  /// systemd.unit(5): up to 255 of these characters; the type's suffix may be left out.
  private static func isUnitName(_ name: String) -> Bool {
    let isAllowed = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
      default: ":-_.\\@".utf8.contains(byte)
      }
    }
    return isAllowed && !name.isEmpty && name.utf8.count <= 255
  }
}
