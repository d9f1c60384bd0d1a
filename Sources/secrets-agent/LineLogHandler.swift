import AgentDaemon
import ArgumentParser
import Glibc
import Logging
import Text

enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  /// logfmt for log records; for faults, words.
  case text
  /// One object a line.
  case json
}

/// How much is logged, on the command line.
enum LogLevelArgument: String, ExpressibleByArgument, CaseIterable {
  case trace, debug, info, notice, warning, error, critical

  var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .warning }
}

/// Writes log records to standard error, a line each. Messages are fixed words (the event), what varies is metadata.
struct LineLogHandler: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  let format: LogFormat

  /// Characters of one field at most.
  private static let longestValue = 500

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    // Before it is cut, so that a value of several lines is whole.
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues {
      LogValue($0).hidden(by: StandardError.hide).cut(atMost: Self.longestValue)
    }
    switch format {
    case .text:
      // journald has its own time of each line.
      let line = LogLine(
        time: StandardError.isJournal ? nil : Timestamp.now(), level: "\(event.level)",
        message: StandardError.hide(in: "\(event.message)"),
        fields: fields.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) })
      StandardError.writeLine(line.logfmt, event.level)
    case .json:
      StandardError.writeJSON(event.level, "\(event.message)", fields)
    }
  }
}

/// Wall-clock time as RFC 3339 UTC with milliseconds.
enum Timestamp {
  static func now() -> String {
    var moment = timespec()
    clock_gettime(CLOCK_REALTIME, &moment)
    let milliseconds = String(1000 + moment.tv_nsec / 1_000_000).dropFirst()
    return CivilTime(unixTime: Int64(moment.tv_sec)).internetText.dropLast() + ".\(milliseconds)Z"
  }
}
