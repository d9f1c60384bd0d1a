import ArgumentParser
import ExecutionModel
import Glibc
import Logging
import Text

enum LogFormat: String, ExpressibleByArgument, CaseIterable {
  case text
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

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    // Before it is cut and cleaned, so that a value of several lines is whole.
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
      .map { (key: $0.key, value: ShownText.clean(StandardError.hide(in: "\($0.value)"), atMost: 500)) }
    let message = StandardError.hide(in: "\(event.message)")
    switch format {
    case .text:
      let tail = fields.map { " \($0.key)=\($0.value)" }.joined()
      StandardError.write("\(Timestamp.now()) \(event.level) \(message)\(tail)\n")
    case .json:
      StandardError.writeJSON(level: "\(event.level)", message: message, fields: fields)
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
