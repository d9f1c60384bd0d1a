import AgentDaemon
import ArgumentParser
import EventLoop
import Glibc
import JSONReader
import SecretBytes

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Tells how every execution and secret of the running daemon stands; never a value.",
    discussion: """
      What is wrong comes first; what many secrets share is one line. Ends with 69 where an execution is not ready, else with 65 where a
      newest document is refused or unreadable, so that the one before it stays in force.

      With --watch on a terminal: arrows, PgUp, PgDn, Home and End scroll, q ends it. A daemon that restarts is waited for.

      EXAMPLES
        secrets-agent status
        secrets-agent status --watch
        secrets-agent status --check && echo ready
        secrets-agent status --json | jq '.executions[] | select(.ready | not) | .id'
      """)

  @OptionGroup var daemon: DaemonOptions

  @Flag(help: "Show it anew every two seconds: on a terminal as one screen, else one after the other.")
  var watch = false

  @Flag(help: "Print the daemon's JSON as it is.")
  var json = false

  @Flag(
    help:
      "For probes: print nothing where all is ready, else what is not, and end with 69. An execution whose newest document is refused is ready by the one before."
  )
  var check = false

  func validate() throws {
    guard !check || !watch && !json else {
      throw ValidationError("--check prints no status; leave out --watch and --json")
    }
  }

  func run() throws {
    let (daemon, watch, json) = (daemon, watch, json)
    if check {
      if let failure = try DaemonOptions.onLoop({ loop in await daemon.readiness(on: loop) }) {
        throw failure
      }
      return
    }
    let colors = Terminal.colors(1)
    let render = { @Sendable (answer: JSONValue) in
      json ? Self.line(answer) : Self.text(StatusReport(answer), colors: colors)
    }
    guard watch else {
      if let failure = try DaemonOptions.onLoop({ loop in await Self.once(daemon, on: loop, render) }) {
        throw failure
      }
      return
    }
    let ending = try DaemonOptions.onLoop { loop in
      let watch = StatusWatch(daemon: daemon, loop: loop)
      return await !json && TerminalScreen.isThere ? watch.screen() : watch.stream(render)
    }
    switch ending {
    case .done: return
    case .failed(let code): throw code
    // The terminal is as it was: the shell is to see what ended it.
    case .signalled(let number): ExecCommand.leave(as: .signalled(number))
    }
  }

  private static func once(
    _ daemon: DaemonOptions, on loop: EventLoop, _ render: @Sendable (JSONValue) -> SecretBytes
  ) async -> ExitCode? {
    switch await daemon.ask(.get, ["v1", "status"], on: loop) {
    case .failure(let code): return code
    case .success(let answer):
      switch StandardOutput.write(render(answer)) {
      // Whoever reads may have seen enough, as head(1).
      case nil, EPIPE?:
        let report = StatusReport(answer)
        return !report.isReady
          ? ExitStatus.unavailable.code : report.refusedDocuments > 0 ? ExitStatus.invalidDocument.code : nil
      case let code?:
        daemon.faults.error("standard output: \(String(cString: strerror(code)))", ["class": "output"])
        return ExitStatus.cannotCreate.code
      }
    }
  }

  private static func line(_ answer: JSONValue) -> SecretBytes {
    SecretBytes((answer.sourceText.unsafeString() ?? "") + "\n")
  }

  private static func text(_ report: StatusReport, colors: Bool) -> SecretBytes {
    let table = StatusTable(report: report)
    return SecretBytes(([table.headline] + table.lines()).map { $0.text(colors: colors) + "\n" }.joined())
  }
}
