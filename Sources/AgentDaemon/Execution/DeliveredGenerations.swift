import EventLoop
import Resolution

/// The generation that an execution was last delivered.
struct DeliveredGeneration: Sendable {
  let execution: String
  /// `job_spec.name`.
  let name: String?
  /// As in the manifest; from 1.
  let number: Int64
  let secrets: [Generation.Secret]

  init(_ execution: String, _ name: String?, _ number: Int64, _ generation: Generation) {
    self.execution = execution
    self.name = name
    self.number = number
    secrets = generation.secrets
  }
}

/// What lies in the outputs of each execution, in memory, for those who are asked for values: systemd's credentials and the value
/// socket. It is noted once it is in place, stays while its stores fail, as the files do, and goes with them.
@DaemonActor
final class DeliveredGenerations {
  /// Of generations, for who waits for one.
  let arrivals: Arrivals
  private var byExecution: [String: DeliveredGeneration] = [:]

  init(time: any TimeSource, executor: (any TaskExecutor)?) {
    arrivals = Arrivals(time: time, executor: executor)
  }

  func note(_ generation: DeliveredGeneration) {
    byExecution[generation.execution] = generation
    arrivals.tell()
  }

  /// Its outputs were removed.
  func withdraw(_ execution: String) {
    byExecution[execution] = nil
  }

  func generation(of execution: String) -> DeliveredGeneration? { byExecution[execution] }

  /// Those of jobs of this name.
  func generations(ofJob name: String) -> [DeliveredGeneration] { byExecution.values.filter { $0.name == name } }
}
