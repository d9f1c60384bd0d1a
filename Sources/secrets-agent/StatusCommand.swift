import AgentDaemon
import ArgumentParser
import EventLoop
import ExecutionModel
import Glibc
import HTTPTransport
import JSONReader
import SecretBytes
import Text

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Tells how every execution and secret of the running daemon stands; never a value.",
    discussion: """
      EXAMPLES
        secrets-agent status
        secrets-agent status --watch
        secrets-agent status --check && echo ready
        secrets-agent status --json | jq '.executions[] | select(.ready | not) | .id'
      """)

  @OptionGroup var daemon: DaemonOptions

  @Flag(help: "Print it anew every two seconds until interrupted.")
  var watch = false

  @Flag(help: "Print the daemon's JSON as it is.")
  var json = false

  @Flag(help: "For probes: print nothing where all is ready, else what is not, and end with 69.")
  var check = false

  func validate() throws {
    guard !check || !watch && !json else {
      throw ValidationError("--check prints no status; leave out --watch and --json")
    }
  }

  func run() throws {
    if check {
      let daemon = daemon
      if let failure = try DaemonOptions.onLoop({ loop in await daemon.readiness(on: loop) }) {
        throw failure
      }
      return
    }
    let (daemon, watch, json) = (daemon, watch, json)
    let failure = try DaemonOptions.onLoop { loop -> ExitCode? in
      while true {
        switch await daemon.ask(.get, ["v1", "status"], on: loop) {
        case .failure(let code): return code
        case .success(let answer):
          let clear = watch && isatty(1) == 1 ? "\u{1b}[H\u{1b}[2J" : ""
          let text = json ? answer.sourceText.unsafeString() ?? "" : Self.table(answer)
          switch StandardOutput.write(SecretBytes("\(clear)\(text)\n")) {
          case nil: break
          // Whoever reads has seen enough, as head(1).
          case EPIPE?: return nil
          case let code?:
            daemon.faults.error("standard output: \(String(cString: strerror(code)))", ["class": "output"])
            return ExitStatus.cannotCreate.code
          }
        }
        guard watch else {
          return nil
        }
        for _ in 0..<8 {
          guard (try? await loop.sleep(for: .milliseconds(250))) != nil, !StandardOutput.isUnread else {
            return nil
          }
        }
      }
    }
    if let failure {
      throw failure
    }
  }

  private static func table(_ root: JSONValue) -> String {
    var lines: [String] = []
    for execution in root.member("executions")?.elements.map({ $0 }) ?? [] {
      lines += self.lines(of: execution)
    }
    for member in root.member("source_failures")?.members.map({ $0 }) ?? [] {
      lines.append("! source \(shown(member.name)): \(shown(member.value))")
    }
    for source in root.member("unreadable")?.members.map({ $0 }) ?? [] {
      for entry in source.value.members {
        lines.append("! \(shown(source.name)): \(shown(entry.name)): \(shown(entry.value))")
      }
    }
    for left in root.member("unremoved")?.members.map({ $0 }) ?? [] {
      lines.append("! \(shown(left.name)) is gone, but its outputs could not be removed: \(shown(left.value))")
    }
    return lines.isEmpty ? "no executions" : lines.joined(separator: "\n")
  }

  private static func lines(of execution: JSONValue) -> [String] {
    let state = shown(execution.member("state"))
    let generation = execution.member("generation")?.int64 ?? 0
    var lines = [
      "\(shown(execution.member("id")))  \(state)  generation \(generation)  from \(shown(execution.member("source")))"
    ]
    for problem in execution.member("problems")?.elements.map({ $0 }) ?? [] {
      lines.append("  ! \(shown(problem))")
    }
    for secret in execution.member("secrets")?.elements.map({ $0 }) ?? [] {
      var parts = ["  \(shown(secret.member("name")))", shown(secret.member("source"))]
      parts += secret.member("version").map { ["version \(shown($0))"] } ?? []
      parts += seconds(secret, "age_seconds").map { ["age \($0)"] } ?? []
      parts += seconds(secret, "next_refresh_seconds").map { ["next in \($0)"] } ?? []
      parts += seconds(secret, "expires_in_seconds").map { ["ends in \($0)"] } ?? []
      lines.append(parts.joined(separator: "  "))
      if let message = secret.member("last_error")?.member("message") {
        let failures = secret.member("consecutive_failures")?.int64 ?? 0
        lines.append("    ! \(shown(message)) (\(failures) in a row)")
      }
    }
    return lines
  }

  private static func shown(_ value: JSONValue?) -> String {
    ShownText.clean(value?.text ?? "-", atMost: 500)
  }

  private static func seconds(_ secret: JSONValue, _ key: String) -> String? {
    guard let seconds = secret.member(key)?.int64 else {
      return nil
    }
    let nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return nanoseconds.overflow || seconds < 0
      ? "\(seconds)s" : GoDuration(nanoseconds: nanoseconds.partialValue).description
  }
}

struct RefreshCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "refresh", abstract: "Has the running daemon fetch secrets now, each at most every 5 seconds.",
    discussion: """
      EXAMPLES
        secrets-agent refresh
        secrets-agent refresh e-5f0c2d3a DB_PASSWORD
        secrets-agent refresh e-5f0c2d3a DB_PASSWORD --reason refused
      """)

  enum Reason: String, ExpressibleByArgument {
    case refused
  }

  @OptionGroup var daemon: DaemonOptions

  @Option(
    help: "Why: refused, where the value of a secret was refused by what it is for; a workload may say so of its own.")
  var reason: Reason?

  @Argument(help: "Only this execution, by its id.")
  var execution: String?

  @Argument(help: "Only this secret of it.")
  var secret: String?

  func validate() throws {
    guard reason == nil || secret != nil else {
      throw ValidationError("--reason is said of one secret; name the execution and the secret")
    }
  }

  func run() throws {
    let daemon = daemon
    let path = ["v1", "refresh"] + [execution, secret].compactMap { $0 }
    let query = reason.map { [("reason", $0.rawValue)] } ?? []
    let answer = try DaemonOptions.onLoop { loop in await daemon.ask(.post, path, query, on: loop) }
    let outcome = try answer.get()
    let started = outcome.member("started")?.int64 ?? 0
    let tooSoon = outcome.member("too_soon")?.int64 ?? 0
    let wait = outcome.member("retry_after_seconds")?.int64 ?? 5
    let rest = tooSoon > 0 ? ", \(tooSoon) not, asked for less than 5 s ago: ask again in \(wait) s" : ""
    print("\(Count(Int(started), "fetch", plural: "fetches")) started\(rest)")
  }
}
