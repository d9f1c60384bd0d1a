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
  private let time: any TimeSource
  private let executor: (any TaskExecutor)?
  private var byExecution: [String: DeliveredGeneration] = [:]
  private var waiting: [UInt64: AsyncStream<Void>.Continuation] = [:]
  private var lastWaiter: UInt64 = 0

  init(time: any TimeSource, executor: (any TaskExecutor)?) {
    self.time = time
    self.executor = executor
  }

  func note(_ generation: DeliveredGeneration) {
    byExecution[generation.execution] = generation
    for each in waiting.values {
      each.yield()
    }
  }

  /// Its outputs were removed.
  func withdraw(_ execution: String) {
    byExecution[execution] = nil
  }

  func generation(of execution: String) -> DeliveredGeneration? { byExecution[execution] }

  /// Those of jobs of this name.
  func generations(ofJob name: String) -> [DeliveredGeneration] { byExecution.values.filter { $0.name == name } }

  /// What `find` finds, now or after the next generations; `nil` where that is nothing until `deadline`, or the task is cancelled.
  func first<Found>(until deadline: Moment, _ find: @DaemonActor () -> Found?) async -> Found? {
    while true {
      if let found = find() {
        return found
      }
      guard time.now < deadline, !Task.isCancelled else {
        return nil
      }
      await change(until: deadline)
    }
  }

  private func change(until deadline: Moment) async {
    let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    lastWaiter &+= 1
    let number = lastWaiter
    waiting[number] = change
    let timer = Task(executorPreference: executor) { [time] in
      try await time.sleep(until: deadline)
      change.yield()
    }
    defer {
      timer.cancel()
      waiting[number] = nil
    }
    // Cancellation ends the stream.
    for await _ in changes {
      return
    }
  }
}
