import AgentDaemon
import ArgumentParser
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Processes
import Resolution

struct ExecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Runs a command with the secrets in its environment, and nothing on disk.",
    discussion: """
      The command has your environment and the secrets, without the variables that credentials are taken from: those that the \
      document names, and those that the clouds' and Vault's clients read (AWS_SECRET_ACCESS_KEY, AZURE_CLIENT_SECRET, \
      GOOGLE_APPLICATION_CREDENTIALS, VAULT_TOKEN, …). --keep-env leaves them; a secret of such a name is delivered all the same. \
      Signals are passed on, and its exit status is the agent's. Leases and tokens are revoked when it ends.

      With --watch the secrets are kept fresh: when one changes, the command is stopped gracefully and started with the new \
      values. It then has the secrets and only those of your variables that a program commonly needs (PATH, HOME, LANG, …) \
      or that --pass names.

      EXAMPLES
        secrets-agent exec job.yaml -- ./server --port 8080
        secrets-agent exec --watch --grace 30s job.yaml -- ./server
      """)

  @OptionGroup var document: DocumentOptions
  @OptionGroup var time: TimeOptions

  @Flag(name: [.long, .customLong("restart-on-change")], help: "Restart the command gracefully when a secret changes.")
  var watch = false

  @Option(help: "With --watch: the signal that asks the command to end.")
  var stopSignal = SignalArgument(SIGTERM)

  @Option(
    help: "With --watch: how long the command may take to end before it is killed (default: 10s).",
    transform: DurationArgument.parse)
  var grace = DurationArgument(seconds: 10)

  @Option(name: .customLong("pass"), help: "With --watch: a variable of yours that the command gets too; may end in *.")
  var passed: [String] = []

  @Flag(help: "Leave the variables in the command's environment that the agent's own credentials are taken from.")
  var keepEnv = false

  @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
  var command: [String] = []

  func validate() throws {
    guard !command.isEmpty else {
      throw ValidationError("name a command after --")
    }
  }

  func run() throws {
    let policy = try document.loadPolicy()
    // JSON carries every name that an environment does.
    let execution = try document.loadExecution(policy: policy, variables: .json)
    let plan = ExecutionPlan(execution)
    let withheld = keepEnv ? [] : CredentialVariables.all(of: execution)
    let command = command
    let limit = time.timeout.duration
    let watched = watch ? Watched(restart: restart, passed: passed) : nil
    let ending = try AgentRuntime.onLoop(document.log, policy: policy, limits: time.limits) { runtime in
      if let watched {
        return await Self.watch(command, withheld, plan, runtime, limit, watched)
      }
      return await Self.run(command, withheld, plan, runtime, limit)
    }
    switch ending {
    case .failed(let status): throw status.code
    case .notStarted(let status): throw ExitCode(status)
    case .ended(let status): Self.leave(as: status)
    }
  }

  private struct Watched: Sendable {
    let restart: WatchedWorkload.Restart
    let passed: [String]
  }

  private var restart: WatchedWorkload.Restart {
    var restart = WatchedWorkload.Restart()
    restart.signal = stopSignal.number
    restart.grace = grace.duration
    return restart
  }

  private static func watch(
    _ command: [String], _ withheld: [String], _ plan: ExecutionPlan, _ runtime: AgentRuntime, _ limit: Duration,
    _ watched: Watched
  ) async -> Ending {
    let workload = WatchedWorkload(
      command: command, environment: environment(withheld, passing: watched.passed), plan: plan, pool: runtime.pool,
      loop: runtime.loop, log: runtime.log, restart: watched.restart)
    let ending = await workload.run(firstWithin: limit)
    await runtime.pool.closeAll(.ended)
    switch ending {
    case .ended(let status): return .ended(status)
    case .unresolved(let failure):
      runtime.faults.print(failure)
      return .failed(ExitStatus(failure.failures.map(\.failure)))
    case .undeliverable(let faults):
      for fault in faults.faults {
        runtime.faults.error(fault.description, ["class": "output"])
      }
      return .failed(.cannotCreate)
    case .notStarted(let fault):
      runtime.faults.error(fault.description, ["class": "command"])
      return .notStarted(fault.exitStatus)
    case .signalsUnavailable(let fault):
      runtime.faults.error("signals cannot be watched: \(fault)", ["class": "command"])
      return .failed(.invalidConfiguration)
    }
  }

  private enum Ending: Sendable {
    case failed(ExitStatus)
    case notStarted(Int32)
    case ended(ChildStatus)
  }

  private static func run(
    _ command: [String], _ withheld: [String], _ plan: ExecutionPlan, _ runtime: AgentRuntime, _ limit: Duration
  ) async -> Ending {
    let secrets: [DeliveredSecret]
    switch await runtime.values(of: plan, "resolving \(Count(plan.items.count, "secret"))", within: limit) {
    case .success(let values): secrets = values
    case .failure(let failed): return .failed(failed.status)
    }
    let ending = await supervise(command, withheld, secrets, runtime)
    await runtime.pool.closeAll(.ended)
    return ending
  }

  private static func supervise(
    _ command: [String], _ withheld: [String], _ secrets: [DeliveredSecret], _ runtime: AgentRuntime
  ) async -> Ending {
    var environment = environment(withheld)
    do throws(DeliveryFaults) {
      try environment.add(secrets)
    } catch {
      for fault in error.faults {
        runtime.faults.error(fault.description, ["class": "output"])
      }
      return .failed(.cannotCreate)
    }
    do {
      let signals = try runtime.loop.signals(ChildProcess.passedOn)
      defer { signals.cancel() }
      let child = try ChildProcess.start(command, environment: environment, on: runtime.loop)
      Task(executorPreference: runtime.loop) {
        for await signal in signals {
          child.pass(signal)
        }
      }
      return .ended(await child.ended())
    } catch let fault as SpawnFault {
      runtime.faults.error(fault.description, ["class": "command"])
      return .notStarted(fault.exitStatus)
    } catch {
      runtime.faults.error("signals cannot be watched: \(error)", ["class": "command"])
      return .failed(.invalidConfiguration)
    }
  }

  /// What the command gets of this process's own environment. Variables are removed before secrets are added: one that a document
  /// delivers under such a name is the command's.
  private static func environment(_ withheld: [String], passing passed: [String]? = nil) -> ProcessEnvironment {
    var environment = ProcessEnvironment.inherited()
    if let passed {
      environment.keep(ProcessEnvironment.common + passed)
    }
    for name in withheld {
      environment.remove(name)
    }
    return environment
  }

  /// Ends this process as the child ended: with its status, or by its signal.
  private static func leave(as status: ChildStatus) -> Never {
    if case .signalled(let number) = status {
      var set = sigset_t()
      sigemptyset(&set)
      sigaddset(&set, number)
      signal(number, SIG_DFL)
      pthread_sigmask(SIG_UNBLOCK, &set, nil)
      kill(getpid(), number)
    }
    Glibc.exit(status.shellStatus)
  }
}

/// A signal on the command line, as `TERM`, `SIGTERM` or `15`.
struct SignalArgument: ExpressibleByArgument, Sendable {
  let number: Int32

  init(_ number: Int32) {
    self.number = number
  }

  init?(argument: String) {
    guard let number = Signals.number(argument) else {
      return nil
    }
    self.number = number
  }

  var defaultValueDescription: String { number == SIGTERM ? "TERM" : "\(number)" }
}
