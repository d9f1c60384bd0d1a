import EventLoop
import Masking
import Processes
import SecretBytes

/// Runs a command as a notice, from its start to its end.
struct CommandNotice: Sendable {
  let arguments: [String]
  let timeLimit: Duration
  let environment: ProcessEnvironment
  let hidden: MaskedValues
  let loop: EventLoop

  private static let mostLines = 100
  private static let longestLine = 500
  /// More than lines and lengths can use, since a value may be much longer than what replaces it.
  private static let mostBytes = 128 * 1024

  /// A cancelled task ends the command as its time limit does.
  func run() async -> NoticeOutcome {
    let command = CapturedCommand(
      arguments, environment: environment, output: .beginning(bytes: Self.mostBytes), timeLimit: timeLimit)
    do throws(SpawnFault) {
      return outcome(try await command.run(on: loop, time: loop))
    } catch {
      return .failure("the command cannot be started: \(error)")
    }
  }

  private func outcome(_ outcome: CapturedCommand.Outcome) -> NoticeOutcome {
    let output = lines(outcome.output, isCut: outcome.isCut)
    func failure(_ message: String) -> NoticeOutcome { .failure("the command \(message)", output: output) }
    return switch outcome.ending {
    case .byItself(.exited(0)): NoticeOutcome(succeeded: true, message: "the command succeeded", output: output)
    case .byItself(.exited(let code)): failure("failed with status \(code)")
    case .byItself(.signalled(let number)): failure("was ended by \(signalName(number))")
    case .byItself(.unknown), .outputLimit: failure("ended, but its status is not known")
    case .timeLimit: failure("took longer than \(timeLimit) and was ended")
    case .cancelled: failure("was ended, since the agent no longer waits for it")
    }
  }

  /// What is kept of its output: lines without values, control characters or invalid UTF-8. Empty ones are left out.
  private func lines(_ bytes: SecretBytes, isCut: Bool) -> [String] {
    let text = MaskedText.masking(bytes, hiding: hidden, isCut: isCut)
    let lines = text.withUnsafeBytes { Array($0) }.lazy.split { $0 == 0x0a || $0 == 0x0d }.prefix(Self.mostLines)
    return lines.map { line in
      var scalars = String.UnicodeScalarView()
      var size = 0
      for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
        let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
        let scalar = isControl ? "?" : scalar
        size += UTF8.width(scalar)
        guard size <= Self.longestLine else {
          break
        }
        scalars.append(scalar)
      }
      return String(scalars)
    }
  }
}
