import ArgumentParser
import Delivery
import ExecutionModel
import Glibc
import JSONReader
import Masking
import ProviderKit
import Resolution
import Text

/// The exit statuses of the commands, after sysexits.h (README.md lists them).
enum ExitStatus: Int32 {
  case usage = 64
  case invalidDocument = 65
  case unavailable = 69
  case cannotCreate = 73
  case denied = 77
  case invalidConfiguration = 78

  var code: ExitCode { ExitCode(rawValue) }

  /// Denied counts more than unavailable where both happened: a person has to act.
  init(_ failures: [ProviderFailure]) {
    self = failures.contains { $0.kind == .denied || $0.kind == .policy } ? .denied : .unavailable
  }
}

/// Prints faults to standard error, one line each: text for people, JSON lines for machines.
struct FaultPrinter: Sendable {
  enum Severity: String {
    case error
    case warning
  }

  let format: LogFormat

  func print(_ fault: DocumentFault, treatingAsError: Bool = false) {
    let severity: Severity = fault.severity == .error || treatingAsError ? .error : .warning
    print(severity, fault.line, ["path": fault.path, "class": "document"])
  }

  func print(_ failure: SecretFailure) {
    print(.error, failure.line, fields(failure.failure, ["secret": failure.secret]))
  }

  /// Every failed secret: a line each for machines; for people, what many have in common is said once, with the names behind it.
  func print(_ failure: GenerationFailure) {
    guard format == .text else {
      return failure.failures.forEach(print)
    }
    for line in failure.lines {
      error(line)
    }
  }

  func print(_ failure: ProviderFailure) {
    print(.error, failure.line, fields(failure, [:]))
  }

  func print(_ refusal: PolicyGate.Refusal) {
    print(.error, refusal.line, ["path": refusal.path, "class": "policy", "rule": refusal.refusal.rule])
  }

  func error(_ line: String, _ fields: [String: String] = [:]) {
    print(.error, line, fields)
  }

  private func fields(_ failure: ProviderFailure, _ more: [String: String]) -> [String: String] {
    var fields = more
    fields["class"] = failure.kind.rawValue
    fields["provider"] = failure.connection
    fields["reference"] = failure.reference
    fields["status"] = failure.status.map(String.init)
    fields["hint"] = failure.hint
    return fields
  }

  private func print(_ severity: Severity, _ line: String, _ fields: [String: String]) {
    let line = StandardError.hide(in: line)
    let fields = fields.mapValues { StandardError.hide(in: $0) }
    switch format {
    case .text:
      let color = severity == .error ? "31" : "33"
      let word = Terminal.colors(2) ? "\u{1b}[\(color)m\(severity.rawValue):\u{1b}[0m" : "\(severity.rawValue):"
      StandardError.write("\(word) \(line)\n")
    case .json:
      StandardError.writeJSON(level: severity.rawValue, message: line, fields: fields.sorted { $0.key < $1.key })
    }
  }
}

/// Standard error, written whole lines at a time.
enum StandardError {
  /// What no message repeats: the last net, below errors that have no place for a value.
  static let hidden = LiveValues()

  /// `text` without the values in use. Where something cut it off, a value's beginning at its end is hidden as well.
  static func hide(in text: String) -> String {
    guard text.hasSuffix("…") else {
      return hidden.hide(in: text)
    }
    return hidden.hide(in: String(text.dropLast()), isCut: true) + "…"
  }

  static func write(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      _ = Glibc.write(2, bytes.baseAddress, bytes.count)
    }
  }

  static func writeJSON(level: String, message: String, fields: [(key: String, value: String)]) {
    var json = JSONWriter()
    json.beginObject()
    json.name("time")
    json.string(Timestamp.now())
    json.name("level")
    json.string(level)
    json.name("message")
    json.string(message)
    for (key, value) in fields where !["time", "level", "message"].contains(key) {
      json.name(key)
      json.string(value)
    }
    json.endObject()
    write((json.finish().unsafeString() ?? "") + "\n")
  }
}

/// What a terminal can show.
enum Terminal {
  /// Colours only on a terminal, and not where NO_COLOR is set (https://no-color.org).
  static func colors(_ descriptor: Int32) -> Bool {
    guard isatty(descriptor) == 1 else {
      return false
    }
    if let setting = getenv("NO_COLOR"), setting.pointee != 0 {
      return false
    }
    return getenv("TERM").map { String(cString: $0) != "dumb" } ?? true
  }
}
