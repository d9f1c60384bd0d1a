import CLinux
import Glibc

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
    // Non-blocking: a FIFO would be waited for here.
    let descriptor = linux_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0)
    guard descriptor >= 0 else {
      let problem =
        switch errno {
        case ENOENT, ENOTDIR: "there is none; does the workload run?"
        case EACCES: "it may not be read"
        case ELOOP: "it is a symbolic link, which is not followed"
        default: "it cannot be opened"
        }
      return .failure(Fault(problem: problem))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return .failure(Fault(problem: "it is no regular file"))
    }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(descriptor, &bytes, bytes.count)
    guard count >= 0 else {
      return .failure(Fault(problem: "it cannot be read"))
    }
    let text = bytes.prefix(count)
    let digits = text.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    let isWhole =
      count < bytes.count && text.dropFirst(digits.count).allSatisfy { $0 == 0x20 || (0x09...0x0d).contains($0) }
    guard isWhole, let pid = pid_t(String(decoding: digits, as: UTF8.self)), pid > 1 else {
      return .failure(Fault(problem: "it does not hold a process number over 1, and nothing else"))
    }
    return .success(pid)
  }

  private static func printable(_ path: String) -> String {
    String(
      String.UnicodeScalarView(
        path.unicodeScalars.map { $0.properties.isPatternWhitespace || $0.value < 0x20 ? "?" : $0 }))
  }
}
