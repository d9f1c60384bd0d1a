import ArgumentParser
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Resolution
import SecretBytes
import Text

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Fetches one secret of a document, and writes its value to a pipe.",
    discussion: """
      NAME is a secret's name, or one of the variables that an entry of several yields (AWS_SESSION_TOKEN). The bytes are \
      the value's own, without a line's end. Nothing else of the document is fetched.

      EXAMPLES
        secrets-agent get job.yaml DB_PASSWORD | docker secret create db_password -
        secrets-agent get --reveal job.yaml DB_PASSWORD
      """)

  @OptionGroup var document: DocumentOptions
  @OptionGroup var time: TimeOptions

  @Argument(help: "The secret's name.")
  var name: String

  @Flag(help: "Show the value on a terminal.")
  var reveal = false

  func run() throws {
    let isShown = isatty(1) == 1
    guard reveal || !isShown else {
      throw UsageFault.report(
        "the output is a terminal, and would show the value: add --reveal, or write to a pipe", in: Self.self)
    }
    let policy = try document.loadPolicy()
    let execution = try document.loadExecution(policy: policy, variables: nil)
    guard let only = execution.yielding(name) else {
      document.log.faults.error(absence(in: execution), ["class": "missing", "secret": name])
      throw ExitStatus.unavailable.code
    }
    let plan = ExecutionPlan(only)
    let wanted = name
    let limit = time.timeout.duration
    try AgentRuntime.run(document.log, policy: policy, limits: time.limits) { runtime in
      let secrets: [DeliveredSecret]
      switch await runtime.values(of: plan, "fetching \(ShownText.clean(wanted))", within: limit) {
      case .success(let values): secrets = values
      case .failure(let failed): return failed.status
      }
      let status = Self.write(secrets.filter { $0.name == wanted }, endsLine: isShown, runtime)
      await runtime.pool.closeAll(status == nil ? .handedOver : .ended)
      return status
    }
  }

  private static func write(_ secrets: [DeliveredSecret], endsLine: Bool, _ runtime: AgentRuntime) -> ExitStatus? {
    for value in secrets.map(\.value) + (endsLine ? [SecretBytes("\n")] : []) {
      if let code = StandardOutput.write(value) {
        runtime.faults.error("standard output: \(String(cString: strerror(code)))", ["class": "output"])
        return .cannotCreate
      }
    }
    return nil
  }

  /// The names that there are, or the one that was likely meant.
  private func absence(in execution: Execution) -> String {
    let names = execution.secrets.flatMap { $0.outputs.map(\.name) }
    let shown = names.prefix(20).map { ShownText.clean($0) }.joined(separator: ", ")
    let rest = names.count > 20 ? " and \(names.count - 20) more" : ""
    let hint =
      NearestName.suggestion(for: name, among: names).map { "; did you mean \"\(ShownText.clean($0))\"?" } ?? ""
    return "the document yields no \(ShownText.clean(name)); there are: \(shown)\(rest)\(hint)"
  }
}
