import AgentDaemon
import ArgumentParser
import Delivery
import ExecutionModel
import Glibc
import Logging
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

    var level: Logger.Level { self == .error ? .error : .warning }
  }

  let format: LogFormat

  func print(_ fault: DocumentFault, treatingAsError: Bool = false) {
    let severity: Severity = fault.severity == .error || treatingAsError ? .error : .warning
    print(severity, fault.line, ["path": .text(fault.path), "class": "document"])
  }

  func print(_ failure: SecretFailure) {
    print(.error, failure.line, fields(failure.failure, ["secret": .text(failure.secret)]))
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
    print(.error, refusal.line, ["path": .text(refusal.path), "class": "policy", "rule": .text(refusal.refusal.rule)])
  }

  func error(_ line: String, _ fields: [String: String] = [:]) {
    print(.error, line, fields.mapValues(LogValue.text))
  }

  func warning(_ line: String, _ fields: [String: String] = [:]) {
    print(.warning, line, fields.mapValues(LogValue.text))
  }

  private func fields(_ failure: ProviderFailure, _ more: [String: LogValue]) -> [String: LogValue] {
    var fields = more
    fields["class"] = .text(failure.kind.rawValue)
    fields["provider"] = .text(failure.connection)
    fields["reference"] = failure.reference.map(LogValue.text)
    fields["status"] = failure.status.map { .integer(Int64($0)) }
    fields["hint"] = failure.hint.map(LogValue.text)
    return fields
  }

  private func print(_ severity: Severity, _ line: String, _ fields: [String: LogValue]) {
    switch format {
    case .text:
      let color = severity == .error ? "31" : "33"
      let word = Terminal.colors(2) ? "\u{1b}[\(color)m\(severity.rawValue):\u{1b}[0m" : "\(severity.rawValue):"
      StandardError.writeLine("\(word) \(StandardError.hide(in: line))", severity.level)
    case .json:
      StandardError.writeJSON(severity.level, line, fields)
    }
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
