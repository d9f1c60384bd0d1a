import AgentDaemon
import ArgumentParser
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Masking
import Processes
import Resolution
import SealedCache

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

      With --mask what the command writes to standard output and error is passed on with every value of at least 4 bytes replaced by \
      <redacted>: as it is, its lines, in base64, percent-encoded, and escaped as in JSON. The command writes to pipes then, and sees no \
      terminal there; its input, its signals and its exit status stay as they are.

      With --offline-ok what was fetched is kept sealed, and takes the place of what a store that cannot be reached does not give; each \
      such value is told of. What a store refuses or has no more is never used, and destroyed; what ends by itself, as leases, which are \
      revoked when the command ends, is not kept.

      EXAMPLES
        secrets-agent exec job.yaml -- ./server --port 8080
        secrets-agent exec --watch --grace 30s job.yaml -- ./server
        secrets-agent exec --mask job.yaml -- ./deploy.sh
      """)

  @OptionGroup var document: DocumentOptions
  @OptionGroup var time: TimeOptions
  @OptionGroup var offline: OfflineOptions

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

  @Flag(help: "Mask the secrets' values in what the command writes to standard output and error.")
  var mask = false

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
    let (execution, item) = try document.loadWhole(policy: policy, variables: .json)
    let source = try offline.place(document.log.faults).map {
      OfflineSource(place: $0, execution: execution, item: item, policy: policy, keepsLeases: false)
    }
    let plan = ExecutionPlan(execution)
    let withheld = keepEnv ? [] : CredentialVariables.all(of: execution)
    let command = command
    let limit = time.timeout.duration
    let isMasked = mask
    let watched = watch ? Watched(restart: restart, passed: passed, isMasked: isMasked) : nil
    let ending = try AgentRuntime.onLoop(document.log, policy: policy, limits: time.limits) { runtime in
      if let watched {
        return await Self.watch(command, withheld, plan, runtime, limit, watched, source)
      }
      return await Self.run(command, withheld, plan, runtime, limit, isMasked: isMasked, source)
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
    let isMasked: Bool
  }

  private var restart: WatchedWorkload.Restart {
    var restart = WatchedWorkload.Restart()
    restart.signal = stopSignal.number
    restart.grace = grace.duration
    return restart
  }

  private static func watch(
    _ command: [String], _ withheld: [String], _ plan: ExecutionPlan, _ runtime: AgentRuntime, _ limit: Duration,
    _ watched: Watched, _ source: OfflineSource?
  ) async -> Ending {
    let offline: OfflineValues?
    do throws(CacheFault) {
      offline = if let source { try await source.open(runtime) } else { nil }
    } catch {
      runtime.faults.error(error.description, ["class": "cache"])
      return .failed(.invalidConfiguration)
    }
    let workload = WatchedWorkload(
      command: command, environment: environment(withheld, passing: watched.passed), plan: plan, pool: runtime.pool,
      loop: runtime.loop, log: runtime.log, restart: watched.restart, isMasked: watched.isMasked,
      offline: offline)
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
    _ command: [String], _ withheld: [String], _ plan: ExecutionPlan, _ runtime: AgentRuntime, _ limit: Duration,
    isMasked: Bool, _ source: OfflineSource?
  ) async -> Ending {
    let secrets: [DeliveredSecret]
    let label = "resolving \(Count(plan.items.count, "secret"))"
    switch await runtime.values(of: plan, label, within: limit, offline: source) {
    case .success(let values): secrets = values
    case .failure(let failed): return .failed(failed.status)
    }
    let ending = await supervise(command, withheld, secrets, runtime, isMasked: isMasked)
    await runtime.pool.closeAll(.ended)
    return ending
  }

  private static func supervise(
    _ command: [String], _ withheld: [String], _ secrets: [DeliveredSecret], _ runtime: AgentRuntime, isMasked: Bool
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
      let (child, output) = try start(command, environment, hiding: isMasked ? secrets : nil, runtime)
      Task(executorPreference: runtime.loop) {
        for await signal in signals {
          child.pass(signal)
        }
      }
      let status = await child.ended()
      guard let loss = await output?.finish() else {
        return .ended(status)
      }
      runtime.faults.error(loss.description, ["class": "output"])
      return .ended(loss.status(of: status))
    } catch let fault as SpawnFault {
      runtime.faults.error(fault.description, ["class": "command"])
      return .notStarted(fault.exitStatus)
    } catch {
      runtime.faults.error("signals cannot be watched: \(error)", ["class": "command"])
      return .failed(.invalidConfiguration)
    }
  }

  private static func start(
    _ command: [String], _ environment: ProcessEnvironment, hiding secrets: [DeliveredSecret]?, _ runtime: AgentRuntime
  ) throws(SpawnFault) -> (ChildProcess, MaskedOutput?) {
    guard let secrets else {
      return (try ChildProcess.start(command, environment: environment, on: runtime.loop), nil)
    }
    let values = MaskedValues(secrets.map(\.value))
    return try MaskedOutput.start(command, environment: environment, hiding: values, on: runtime.loop)
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
  static func leave(as status: ChildStatus) -> Never {
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
