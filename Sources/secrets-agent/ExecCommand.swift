import ArgumentParser
import Delivery
import EventLoop
import ExecutionModel
import Glibc
import Resolution

struct ExecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Runs a command with the secrets in its environment, and nothing on disk.",
    discussion: """
      The command has your environment and the secrets, without the variables that the document takes credentials from. \
      Signals are passed on, and its exit status is the agent's. Leases and tokens are revoked when it ends.

      EXAMPLES
        secrets-agent exec job.yaml -- ./server --port 8080
      """)

  @OptionGroup var document: DocumentOptions
  @OptionGroup var time: TimeOptions

  @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.")
  var command: [String] = []

  func validate() throws {
    guard !command.isEmpty else {
      throw ValidationError("name a command after --")
    }
  }

  func run() throws {
    let policy = try document.loadPolicy()
    let execution = try document.loadExecution(policy: policy, asEnvironment: true)
    let plan = ExecutionPlan(execution)
    let command = command
    let limit = time.timeout.duration
    let ending = try AgentRuntime.onLoop(document.log, policy: policy, limits: time.limits) { runtime in
      await Self.run(command, execution, plan, runtime, limit)
    }
    switch ending {
    case .failed(let status): throw status.code
    case .notStarted(let status): throw ExitCode(status)
    case .ended(let status): Self.leave(as: status)
    }
  }

  private enum Ending: Sendable {
    case failed(ExitStatus)
    case notStarted(Int32)
    case ended(ChildStatus)
  }

  private static func run(
    _ command: [String], _ execution: Execution, _ plan: ExecutionPlan, _ runtime: AgentRuntime, _ limit: Duration
  ) async -> Ending {
    let secrets: [DeliveredSecret]
    switch await runtime.values(of: plan, "resolving \(Count(plan.items.count, "secret"))", within: limit) {
    case .success(let values): secrets = values
    case .failure(let failed): return .failed(failed.status)
    }
    let ending = await supervise(command, execution, secrets, runtime)
    await runtime.pool.closeAll(.ended)
    return ending
  }

  private static func supervise(
    _ command: [String], _ execution: Execution, _ secrets: [DeliveredSecret], _ runtime: AgentRuntime
  ) async -> Ending {
    var environment = ProcessEnvironment.inherited()
    for name in credentialVariables(of: execution) {
      environment.remove(name)
    }
    do throws(DeliveryFaults) {
      try environment.add(secrets)
    } catch {
      for fault in error.faults {
        runtime.faults.error(fault.description, ["class": "output"])
      }
      return .failed(.cannotCreate)
    }
    do {
      // Before the child is there, so that none of its ends is missed.
      let signals = try runtime.loop.signals(passedOn + [SIGCHLD])
      defer { signals.cancel() }
      var child = try ChildProcess.spawn(command, environment: environment)
      if let status = child.reap() {
        return .ended(status)
      }
      for await signal in signals {
        if signal.number == SIGCHLD {
          if let status = child.reap() {
            return .ended(status)
          }
        } else if !signal.isFromKernel {
          // What the terminal sends goes to the whole foreground group, the child among it.
          child.signal(signal.number)
        }
      }
      return .ended(.unknown)
    } catch let fault as SpawnFault {
      runtime.faults.error(fault.description, ["class": "command"])
      return .notStarted(fault.exitStatus)
    } catch {
      runtime.faults.error("signals cannot be watched: \(error)", ["class": "command"])
      return .failed(.invalidConfiguration)
    }
  }

  private static let passedOn: [Int32] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
  ]

  /// Variables that hold the agent's own credentials: the child has no business with them.
  private static func credentialVariables(of execution: Execution) -> [String] {
    execution.providers.flatMap { provider -> [String] in
      let method = provider.descriptor.authentication?.methods.first { $0.name == provider.method }
      return (method?.fields ?? []).filter { $0.kind == .environmentVariable }
        .compactMap { provider.authentication.text($0.name) }
    }
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
