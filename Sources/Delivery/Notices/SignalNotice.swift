import Files
import Glibc
import SecretBytes

/// Sends a signal as a notice.
enum SignalNotice {
  static func send(_ number: Int32, to pid: pid_t) -> NoticeOutcome {
    guard (1...64).contains(number) else {
      return .failure("\(number) is no signal")
    }
    guard pid > 1 else {
      return .failure("\(pid) is no process that a signal is sent to")
    }
    // A pid file of long ago may name the number that the agent has by now.
    guard pid != getpid() else {
      return .failure("process \(pid) is the agent itself, so \(signalName(number)) is not sent")
    }
    if kill(pid, number) == 0 {
      return NoticeOutcome(succeeded: true, message: "\(signalName(number)) sent to process \(pid)")
    }
    switch errno {
    case ESRCH: return .failure("there is no process \(pid) to send \(signalName(number)) to")
    case EPERM: return .failure("\(signalName(number)) may not be sent to process \(pid): it is another user's")
    default: return .failure("\(signalName(number)) cannot be sent to process \(pid)")
    }
  }

  static func send(_ number: Int32, pidFile: String) -> NoticeOutcome {
    // A document's words are filled into it: none may lead out of the folder that the configuration names.
    // By scalars: to Swift a slash with a combining mark behind it is another character.
    let leadsUp = pidFile.unicodeScalars.split(separator: "/").contains { $0.elementsEqual("..".unicodeScalars) }
    guard pidFile.hasPrefix("/"), !leadsUp else {
      return .failure("pid file \(printable(pidFile)): a path with '..', or one that is not absolute, is refused")
    }
    switch process(in: pidFile) {
    case .success(let pid):
      let outcome = send(number, to: pid)
      return NoticeOutcome(succeeded: outcome.succeeded, message: "\(outcome.message), by \(printable(pidFile))")
    case .failure(let fault):
      return .failure("pid file \(printable(pidFile)): \(fault.problem)")
    }
  }

  private struct Fault: Error {
    let problem: String
  }

  /// The number in the file: decimal digits, with white space at the end.
  private static func process(in path: String) -> Result<pid_t, Fault> {
    let content: SecretBytes
    do throws(WholeFile.Fault) {
      content = try WholeFile.contents(of: WholeFile.open(path, links: .refused), limit: longestFile)
    } catch {
      return .failure(Fault(problem: problem(error)))
    }
    let text = content.withUnsafeBytes { Array($0) }
    let digits = text.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    let isWhole = text.dropFirst(digits.count).allSatisfy { $0 == 0x20 || (0x09...0x0d).contains($0) }
    guard isWhole, let pid = pid_t(String(decoding: digits, as: UTF8.self)), pid > 1 else {
      return .failure(Fault(problem: notANumber))
    }
    return .success(pid)
  }

  private static let longestFile = 63
  private static let notANumber = "it does not hold a process number over 1, and nothing else"

  private static func problem(_ fault: WholeFile.Fault) -> String {
    switch fault {
    case .missing: "there is none; does the workload run?"
    case .leadsOut: "it is a symbolic link, which is not followed"
    case .notRegular: "it is no regular file"
    case .tooLarge: notANumber
    case .failed("open", EACCES): "it may not be read"
    case .failed("open", _): "it cannot be opened"
    case .failed: "it cannot be read"
    }
  }

  private static func printable(_ path: String) -> String {
    String(
      String.UnicodeScalarView(
        path.unicodeScalars.map { $0.properties.isPatternWhitespace || $0.value < 0x20 ? "?" : $0 }))
  }
}
