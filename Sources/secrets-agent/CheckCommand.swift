import ArgumentParser
import EventLoop
import ExecutionModel
import ProviderKit
import Resolution

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Finds every fault of a document; with --auth or --online, of its providers too.",
    discussion: """
      Without a flag nothing is sent. --auth logs in to every provider. --online also reads every secret, and prints \
      versions, never values.

      EXAMPLES
        secrets-agent check job.yaml
        secrets-agent check --strict --log-format json execution.json
        secrets-agent check --online job.yaml
        secrets-agent check --config /etc/secrets-agent/agent.yaml
      """)

  @Argument(help: "A file of JSON or YAML, or - for standard input.", completion: .file())
  var document: String?

  @Option(help: "Check the daemon's configuration, and the policy that it names, in the place of a document.", completion: .file())
  var config: String?

  @OptionGroup var choice: DocumentChoice
  @OptionGroup var time: TimeOptions

  @Flag(help: "Log in to every provider too.")
  var auth = false

  @Flag(help: "Log in, and read every secret.")
  var online = false

  @Flag(help: "The secrets are for files only, so their names need not be names of variables.")
  var filesOnly = false

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
    let execution = try document.loadExecution(policy: policy, asEnvironment: !filesOnly)
    let plan = ExecutionPlan(execution)
    guard auth || online else {
      print(
        "\(DocumentPath.shown(execution.label)): no faults in \(Count(plan.items.count, "secret")), \(Count(plan.groups.count, "provider"))"
      )
      return
    }
    let limit = time.timeout.duration
    let readsValues = online
    try AgentRuntime.run(choice.log, policy: policy, limits: time.limits) { runtime in
      let status = await Progress.showing("checking", on: runtime.loop) {
        await Self.check(plan, runtime, limit, readsValues)
      }
      await runtime.pool.closeAll(.ended)
      return status
    }
  }

  private func checkConfiguration(_ path: String) throws {
    do throws(DocumentFaults) {
      let settings = try DaemonSettings.load(path)
      let sources = (settings.configuration.folder == nil ? 0 : 1) + settings.configuration.orchestrators.count
      print("\(path): no faults; \(Count(sources, "source")) of executions beside the local API")
    } catch {
      for fault in error.faults {
        choice.log.faults.error("\(path): \(fault.line)", ["class": "configuration", "path": fault.path])
      }
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
          ", for \(RefreshInterval(nanoseconds: $0.saturatingNanoseconds))"
        }
        print("\(DocumentPath.shown(group.connection.name)): logged in by \(report.identity)\(life ?? "")")
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
      for secret in generation.secrets {
        print("\(secret.name): \(secret.version.map { "version \(DocumentPath.shown($0))" } ?? "there")")
      }
      return nil
    } catch {
      for failure in error.failures {
        runtime.faults.print(failure)
      }
      return ExitStatus(error.failures.map(\.failure))
    }
  }
}

/// `1 secret`, `2 secrets`.
struct Count: CustomStringConvertible {
  let description: String

  init(_ count: Int, _ noun: String, plural: String? = nil) {
    description = "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
  }
}
