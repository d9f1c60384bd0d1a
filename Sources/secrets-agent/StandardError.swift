import AgentDaemon
import Glibc
import Logging
import Masking

/// Standard error, written whole lines at a time.
enum StandardError {
  /// What no message repeats: the last net, below errors that have no place for a value.
  static let hidden = LiveValues()

  /// Whether journald reads it; then each line begins with its priority.
  static let isJournal = JournalStream.reads(2, variable: getenv("JOURNAL_STREAM").map { String(cString: $0) })

  /// `text` without the values in use.
  static func hide(in text: String) -> String { hidden.hide(in: text) }

  /// Writes `text` as it is.
  static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      _ = Glibc.write(2, bytes.baseAddress, bytes.count)
    }
  }

  /// Writes one line, which has no line break yet.
  static func writeLine(_ line: String, _ level: Logger.Level) {
    write("\(isJournal ? JournalStream.prefix(level) : "")\(line)\n")
  }

  /// Writes a JSON line, its fields in the order of their keys, without the values in use.
  static func writeJSON(_ level: Logger.Level, _ message: String, _ fields: [String: LogValue]) {
    let fields = fields.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value.hidden(by: hide)) }
    let line = LogLine(time: Timestamp.now(), level: "\(level)", message: hide(in: message), fields: fields)
    writeLine(line.json, level)
  }
}
