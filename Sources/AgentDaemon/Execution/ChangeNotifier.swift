import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Processes
import SecretBytes
import Text

/// Sends the notices of the configuration, with an execution's names filled in.
struct ChangeNotifier: Sendable {
  private let runner: NoticeRunner

  init(loop: EventLoop) {
    runner = NoticeRunner(loop: loop)
  }

  /// All of `notices`, one after the other; one line for each that failed.
  @Sendable func send(
    _ event: ExecutionNotices.Event, _ notices: [AgentConfiguration.Notice], _ execution: Execution, _ id: String,
    _ folder: String, _ values: [SecretBytes]
  ) async -> [String] {
    var faults: [String] = []
    for (index, notice) in notices.enumerated() {
      let filled = Self.fill(notice, event, execution, id, folder)
      let place = "notices[\(index)]\(Self.name(of: filled).map { " (\($0))" } ?? ""): "
      if let fault = Self.mistakenOption(notice, filled) {
        faults.append(place + fault)
        continue
      }
      let outcome = await runner.run(filled, environment: Self.environment(event, id, folder), hiding: values)
      if !outcome.succeeded {
        let said = outcome.output.last.map { "; it said: \($0)" } ?? ""
        faults.append(place + outcome.message + said)
      }
    }
    return faults
  }

  /// What a notice is known by, where its own words do not say so.
  private static func name(of notice: ChangeNotice) -> String? {
    switch notice {
    case .signal, .signalFile: nil
    case .command(let arguments, _): arguments.first.map { ShownText.clean($0) }
    case .unitReload(let unit), .unitStop(let unit): ShownText.clean(unit)
    }
  }

  /// A document's word is never an option of the node owner's command.
  private static func mistakenOption(_ notice: AgentConfiguration.Notice, _ filled: ChangeNotice) -> String? {
    guard case .command(let templates, _) = notice, case .command(let arguments, _) = filled else {
      return nil
    }
    let mistaken = zip(templates, arguments).first { $1.hasPrefix("-") && !$0.hasPrefix("-") }
    return mistaken.map { template, argument in
      "the command was not run: its argument \(template) is \(ShownText.clean(argument)) here and would be read as an option"
    }
  }

  private static func fill(
    _ notice: AgentConfiguration.Notice, _ event: ExecutionNotices.Event, _ execution: Execution, _ id: String,
    _ folder: String
  ) -> ChangeNotice {
    func text(_ template: String, isName: Bool = false) -> String {
      OutputFolderName.fill(template, execution, id: id, folder: folder) { value in
        // In paths and unit names a document's words must not lead elsewhere; the folder is the agent's own.
        value.map { isName && $0 != folder ? OutputFolderName.encoded($0) : $0 } ?? ""
      }
    }
    // Whatever signal tells a workload of a change, SIGTERM asks it to end.
    return switch (notice, event) {
    case (.signalPID(let number, let pid), .change): .signal(number, pid: pid)
    case (.signalPID(_, let pid), .stop): .signal(SIGTERM, pid: pid)
    case (.signalFile(let number, let file), .change): .signalFile(number, pidFile: text(file, isName: true))
    case (.signalFile(_, let file), .stop): .signalFile(SIGTERM, pidFile: text(file, isName: true))
    case (.command(let arguments, let limit), _): .command(arguments.map { text($0) }, timeLimit: limit)
    case (.unitReload(let unit), .change): .unitReload(text(unit, isName: true))
    case (.unitReload(let unit), .stop): .unitStop(text(unit, isName: true))
    }
  }

  /// Little more than a way to find programs: neither the agent's credentials nor a secret.
  private static func environment(
    _ event: ExecutionNotices.Event, _ id: String, _ folder: String
  ) -> ProcessEnvironment {
    var environment = ProcessEnvironment()
    environment.set("PATH", SecretBytes(getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"))
    environment.set("SECRETS_AGENT_EVENT", SecretBytes(event.rawValue))
    environment.set("SECRETS_AGENT_EXECUTION", SecretBytes(id))
    environment.set("SECRETS_AGENT_FOLDER", SecretBytes(folder))
    return environment
  }
}
