import ArgumentParser
import Delivery
import ExecutionModel
import Files
import Glibc
import Logging
import NodePolicy
import ProviderKit
import SecretBytes
import Text

/// The document of a command that reads one, and how to take it.
struct DocumentOptions: ParsableArguments {
  @Argument(help: "A file of JSON or YAML, or - for standard input.", completion: .file())
  var document: String

  @OptionGroup var choice: DocumentChoice

  var log: LogOptions { choice.log }

  func loadPolicy() throws -> NodePolicy {
    try DocumentSource(path: document, choice: choice).loadPolicy()
  }

  /// - Parameter variables: the format of the env file that the secrets are for; `nil`: files only.
  func loadExecution(policy: NodePolicy, variables: EnvironmentFormat?) throws -> Execution {
    try DocumentSource(path: document, choice: choice).loadExecution(policy: policy, variables: variables)
  }

  /// The same with the item as it was written.
  func loadWhole(
    policy: NodePolicy, variables: EnvironmentFormat?
  ) throws -> (Execution, ExecutionDocument.Item) {
    try DocumentSource(path: document, choice: choice).loadWhole(policy: policy, variables: variables)
  }
}

/// Which execution of a document, and by which rules.
struct DocumentChoice: ParsableArguments {
  @Option(help: "Choose the execution with this id from a list.")
  var execution: String?

  @Flag(help: "Make warnings, as unknown keys, errors.")
  var strict = false

  @Option(help: "A node policy file; without it, documents may read what you can read.", completion: .file())
  var policy: String?

  @OptionGroup var log: LogOptions
}

struct LogOptions: ParsableArguments {
  @Option(help: "How much to log to standard error.")
  var logLevel: LogLevelArgument = .warning

  @Option(help: "How lines on standard error are written: text or json.")
  var logFormat: LogFormat = .text

  var faults: FaultPrinter { FaultPrinter(format: logFormat) }

  var logger: Logger {
    let handler = LineLogHandler(logLevel: logLevel.level, format: logFormat)
    return Logger(label: "secrets-agent") { _ in handler }
  }
}

/// Time limits of the commands that talk to providers.
struct TimeOptions: ParsableArguments {
  @Option(help: "Time limit for the whole of it (default: 1m0s).", transform: DurationArgument.parse)
  var timeout = DurationArgument(seconds: 60)

  @Option(help: "Time limit for one connection to be made (default: 5s).", transform: DurationArgument.parse)
  var connectTimeout = DurationArgument(seconds: 5)

  @Option(help: "Time limit for one attempt of a call (default: 10s).", transform: DurationArgument.parse)
  var attemptTimeout = DurationArgument(seconds: 10)

  var limits: RequestLimits {
    var limits = RequestLimits()
    limits.connect = connectTimeout.duration
    limits.attempt = attemptTimeout.duration
    return limits
  }
}

/// A span of time on the command line, in the documents' syntax: `90s`, `1m30s`, `500ms`.
struct DurationArgument: Sendable {
  let interval: GoDuration

  init(seconds: Int64) {
    interval = GoDuration(nanoseconds: seconds * 1_000_000_000)
  }

  private init(_ interval: GoDuration) {
    self.interval = interval
  }

  static func parse(_ text: String) throws -> DurationArgument {
    guard let interval = try? GoDuration(parsing: text), interval.nanoseconds > 0 else {
      guard Int64(text).map({ $0 > 0 }) ?? false else {
        throw ValidationError("a span of time has a unit, as 30s, 1m30s or 500ms")
      }
      throw ValidationError("a span of time has a unit; for seconds, write \(text)s")
    }
    return DurationArgument(interval)
  }

  var duration: Duration { .nanoseconds(interval.nanoseconds) }
}

/// Files that the person names on the command line.
enum InputFile {
  static func read(_ path: String, limit: Int, _ faults: FaultPrinter, otherwise status: ExitStatus) throws
    -> SecretBytes
  {
    do throws(WholeFile.Fault) {
      return try path == "-" ? WholeFile.rest(of: 0, limit: limit) : WholeFile.read(path, limit: limit)
    } catch .failed(_, let code) {
      faults.error("\(path): \(String(cString: strerror(code)))", ["class": "input"])
    } catch {
      faults.error("\(path): larger than \(limit / 1024 / 1024) MiB", ["class": "input"])
    }
    throw status.code
  }
}
