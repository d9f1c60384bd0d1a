import AgentDaemon
import ArgumentParser
import Delivery
import EventLoop
import ExecutionModel
import NodePolicy
import ProviderKit
import Resolution
import Text

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Finds every fault of a document; with --auth or --online, of its providers too.",
    discussion: """
      Without a flag nothing is sent. --auth logs in to every provider. --online also reads every secret, and prints \
      versions, never values. With a policy that has credential rules, each tells what it let through or refused.

      EXAMPLES
        secrets-agent check job.yaml
        secrets-agent check --strict --log-format json execution.json
        secrets-agent check executions.json
        secrets-agent check --online job.yaml
        secrets-agent check --config /etc/secrets-agent/agent.yaml
      """)

  @Argument(help: "A file of JSON or YAML, or - for standard input.", completion: .file())
  var document: String?

  @Option(
    help: "Check the daemon's configuration, and the policy that it names, in the place of a document.",
    completion: .file())
  var config: String?

  @OptionGroup var choice: DocumentChoice
  @OptionGroup var time: TimeOptions

  @Flag(help: "Log in to every provider too.")
  var auth = false

  @Flag(help: "Log in, and read every secret.")
  var online = false

  @Flag(help: "The secrets are for files only, so their names need not be names of variables.")
  var filesOnly = false

  @Option(help: "The format of the env file that the secrets are for; not every format can carry every name.")
  var format: EnvironmentFormat = .dotenv

  func validate() throws {
    guard (document == nil) != (config == nil) else {
      throw ValidationError("name a document, or a configuration with --config")
    }
    guard config == nil || !(auth || online) else {
      throw ValidationError("--auth and --online are for documents")
    }
  }

  func run() throws {
    if let config {
      return try checkConfiguration(config)
    }
    let document = DocumentSource(path: document ?? "-", choice: choice)
    let policy = try document.loadPolicy()
    let variables = filesOnly ? nil : format
    guard auth || online else {
      return try checkOffline(document, policy, variables)
    }
    let execution = try document.loadExecution(policy: policy, variables: variables)
    let plan = ExecutionPlan(execution)
    let limit = time.timeout.duration
    let readsValues = online
    let report = CredentialReport(policy: policy, log: choice.log)
    try AgentRuntime.run(choice.log, policy: policy, limits: time.limits) { runtime in
      let status = await Progress.showing("checking", on: runtime.loop) {
        await Self.check(plan, runtime, limit, readsValues)
      }
      await runtime.pool.closeAll(.ended)
      report.print(runtime.decisions.all, for: [execution.grant])
      return status
    }
  }

  /// Every execution of the document.
  private func checkOffline(_ document: DocumentSource, _ policy: NodePolicy, _ variables: EnvironmentFormat?) throws {
    let (items, isList) = try document.load()
    var statuses: [ExitStatus] = []
    var good: [DocumentSource.Checked] = []
    var all: [DocumentSource.Checked] = []
    var ids: Set<String> = []
    for item in items {
      let checked = document.check(item, policy, variables)
      all.append(checked)
      if isList, let id = item.id, !ids.insert(id).inserted {
        choice.log.faults.print(DocumentFault("id", "the id \"\(ShownText.clean(id))\" is in the list twice"))
        statuses.append(.invalidDocument)
      }
      if let status = checked.status {
        statuses.append(status)
      } else {
        good.append(checked)
      }
    }
    let report = CredentialReport(policy: policy, log: choice.log)
    let decisions = try decisions(about: all, policy)
    let isRefused = report.printRefusals(decisions, beside: all.flatMap(\.refusals))
    if let status = try checkAddresses(of: good.map { ExecutionPlan($0.execution) }, policy) {
      statuses.append(status)
    } else if isRefused {
      statuses.append(.denied)
    } else {
      for checked in good {
        print(CheckedText(checked).text)
      }
    }
    report.print(decisions, for: all.map(\.execution.grant), beside: all.flatMap(\.refusals))
    if items.isEmpty {
      print("no faults, no warnings: an empty list of executions")
    }
    // A document that is wrong comes before what the policy makes of it.
    if let status = statuses.first(where: { $0 == .invalidDocument }) ?? statuses.first {
      throw status.code
    }
  }

  /// Makes every connection, which sends nothing, and holds the addresses that the document does not say itself against the policy.
  private func checkAddresses(of plans: [ExecutionPlan], _ policy: NodePolicy) throws -> ExitStatus? {
    // Executions of one list share their connections.
    var seen: Set<ProviderConnection.Key> = []
    let connections = plans.flatMap(\.groups).map(\.connection).filter { seen.insert($0.key).inserted }
    guard !connections.isEmpty else {
      return nil
    }
    return try AgentRuntime.onLoop(choice.log, policy: policy, limits: time.limits) { runtime in
      var failures: [ProviderFailure] = []
      for connection in connections {
        do throws(ProviderFailure) {
          try await runtime.pool.provider(connection).checkAddresses()
        } catch {
          failures.append(error)
          runtime.faults.print(error)
        }
      }
      return failures.isEmpty ? nil : ExitStatus(failures)
    }
  }

  /// What the credential rules make of the logins of all that is valid.
  private func decisions(
    about all: [DocumentSource.Checked], _ policy: NodePolicy
  ) throws -> [CredentialDecision] {
    var seen: Set<ProviderConnection.Key> = []
    let connections = all.filter { $0.status != .invalidDocument }.flatMap(\.execution.providers)
      .filter { seen.insert($0.key).inserted }
    guard !policy.credentialRules.isEmpty, !connections.isEmpty else {
      return []
    }
    return try AgentRuntime.onLoop(choice.log, policy: policy, limits: time.limits) { runtime in
      await CredentialRehearsal(policy: policy, runtime: runtime).decisions(about: connections)
    }
  }

  private func checkConfiguration(_ path: String) throws {
    let configuration: AgentConfiguration
    do throws(DocumentFaults) {
      configuration = try DaemonSettings.load(path).configuration
    } catch {
      for fault in error.faults {
        choice.log.faults.error("\(path): \(fault.line)", ["class": "configuration", "path": fault.path])
      }
      throw ExitStatus.invalidConfiguration.code
    }
    try checkCache(configuration)
    let sources = (configuration.folder == nil ? 0 : 1) + configuration.orchestrators.count
    print("\(path): no faults; \(Count(sources, "source")) of executions beside the local API")
  }

  /// Without its key the daemon does not start.
  private func checkCache(_ configuration: AgentConfiguration) throws {
    let loop: EventLoop
    do throws(EventLoopFault) {
      loop = try EventLoop()
    } catch {
      choice.log.faults.error("the event loop cannot start: \(error)")
      throw ExitStatus.invalidConfiguration.code
    }
    if let obstacle = loop.run({ await GenerationCache.obstacle(configuration, on: loop) }) {
      choice.log.faults.error(obstacle, ["class": "configuration", "path": "cache"])
      throw ExitStatus.invalidConfiguration.code
    }
  }

  private static func check(
    _ plan: ExecutionPlan, _ runtime: AgentRuntime, _ limit: Duration, _ readsValues: Bool
  ) async -> ExitStatus? {
    var failures: [ProviderFailure] = []
    let logins = await runtime.resolver.logIn(plan, within: limit)
    for (group, login) in zip(plan.groups, logins) {
      switch login {
      case .success(let report):
        let life = report.lifetime.map {
          ", for \(GoDuration(nanoseconds: $0.saturatingNanoseconds))"
        }
        print("\(ShownText.clean(group.connection.name)): logged in by \(report.identity)\(life ?? "")")
      case .failure(let failure):
        failures.append(failure)
        runtime.faults.print(failure)
      }
    }
    guard readsValues, failures.isEmpty else {
      return failures.isEmpty ? nil : ExitStatus(failures)
    }
    do throws(GenerationFailure) {
      let generation = try await runtime.resolver.resolve(plan, within: limit)
      StandardError.hidden.set(generation.secrets.map(\.value), of: "command")
      for secret in generation.secrets {
        print("\(secret.name): \(secret.version.map { "version \(ShownText.clean($0))" } ?? "there")")
      }
      return nil
    } catch {
      runtime.faults.print(error)
      return ExitStatus(error.failures.map(\.failure))
    }
  }
}

/// A good execution in words, with the refresh intervals that will hold.
private struct CheckedText {
  let text: String

  init(_ checked: DocumentSource.Checked) {
    let execution = checked.execution
    let plan = ExecutionPlan(execution)
    var lines = [
      "\(ShownText.clean(execution.label)): "
        + (checked.warnings == 0 ? "no faults, no warnings" : "no errors, \(Count(checked.warnings, "warning"))")
        + Self.content(execution, plan) + (execution.states.end.map { "; it has ended: \($0)" } ?? "")
    ]
    var names: [String: [String]] = [:]
    var order: [String] = []
    for item in plan.items {
      let text = plan.refreshText(item)
      if names[text] == nil {
        order.append(text)
      }
      names[text, default: []].append(item.entry.name)
    }
    for text in order {
      let all = names[text] ?? []
      let rest = all.count > 10 ? " and \(all.count - 10) more" : ""
      lines.append("  \(text): \(all.prefix(10).joined(separator: ", "))\(rest)")
    }
    text = lines.joined(separator: "\n")
  }

  private static func content(_ execution: Execution, _ plan: ExecutionPlan) -> String {
    guard execution.hasJobSpec else {
      return "; it came without job_spec, so its secrets are not known here"
    }
    guard !plan.items.isEmpty else {
      return "; it declares no secrets"
    }
    return " in \(Count(plan.items.count, "secret")), \(Count(plan.groups.count, "provider"))"
  }
}

/// `1 secret`, `2 secrets`.
struct Count: CustomStringConvertible {
  let description: String

  init(_ count: Int, _ noun: String, plural: String? = nil) {
    description = "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
  }
}
