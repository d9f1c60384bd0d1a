import ArgumentParser
import HTTPTransport
import JSONReader

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
