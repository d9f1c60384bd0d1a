import EventLoop
import Glibc

/// One line on a terminal that says what is being waited for; nothing at all where standard error is not a terminal.
enum Progress {
  /// How long `work` may take before the line shows.
  static let patience: Duration = .milliseconds(400)

  static func showing<Outcome: Sendable>(
    _ what: String, on loop: EventLoop, _ work: @escaping @Sendable () async -> Outcome
  ) async -> Outcome {
    guard isatty(2) == 1, getenv("TERM").map({ String(cString: $0) != "dumb" }) ?? false else {
      return await work()
    }
    let line = Task(executorPreference: loop) {
      var seconds = 0
      while (try? await loop.sleep(for: seconds == 0 ? patience : .seconds(1))) != nil {
        // Back to the start of the line and clear it, then what is going on.
        StandardError.write("\r\u{1b}[K\(what)… \(seconds) s")
        seconds += 1
      }
      return seconds > 0
    }
    let outcome = await work()
    line.cancel()
    if await line.value {
      StandardError.write("\r\u{1b}[K")
    }
    return outcome
  }
}
