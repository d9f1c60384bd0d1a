import EventLoop
import ExecutionModel
import Logging
import SecretBytes

/// Tells workloads of a new generation: once, over restarts too, since what was told of is on record.
@DaemonActor
final class ExecutionNotices {
  /// What a workload is told.
  enum Event: String, Sendable {
    /// Another generation is in place.
    case change
    /// Its outputs are gone, and it is to end (`on_max_stale: stop` of the node policy).
    case stop
  }

  /// Sends the configured notices of an event; gives one line for each that failed.
  typealias Notifier =
    @Sendable (
      _ event: Event, _ notices: [AgentConfiguration.Notice], _ execution: Execution, _ id: String, _ folder: String,
      _ values: [SecretBytes]
    )
    async -> [String]

  private let table: ExecutionTable
  private let notifier: Notifier
  private let time: any TimeSource
  private let log: Logger
  private let executor: (any TaskExecutor)?

  init(
    _ table: ExecutionTable, time: any TimeSource, log: Logger, executor: (any TaskExecutor)?,
    notifier: @escaping Notifier
  ) {
    self.table = table
    self.notifier = notifier
    self.time = time
    self.log = log
    self.executor = executor
  }

  /// Puts on record which generation of `id` is in place, and whether anybody has to be told of it.
  func record(_ id: String, _ folder: String) {
    guard let entry = table.managed[id] else {
      return
    }
    var record = table.folders[id] ?? ExecutionRecord(id: id, source: entry.source, folder: folder, notified: 0)
    record.source = entry.source
    record.folder = folder
    // Without anybody to tell, and for a first generation that nobody has read yet, there is nothing to catch up on later.
    if table.configuration.notices.isEmpty || (record.notified == 0 && entry.generation == 1) {
      record.notified = entry.generation
    }
    table.folders.save(record)
  }

  /// Tells of the generation in place, once however often values change within the configured delay, if it was not told of yet.
  func send(_ id: String, _ values: [SecretBytes]) {
    guard let entry = table.managed[id], entry.notifying == nil, !table.configuration.notices.isEmpty,
      entry.generation > table.folders[id]?.notified ?? 0
    else {
      return
    }
    let pause = table.configuration.noticeDelay
    table.managed[id]?.notifying = Task(executorPreference: executor) { [time] in
      guard (try? await time.sleep(for: pause)) != nil else {
        return
      }
      await self.notify(id, values)
    }
  }

  private func notify(_ id: String, _ values: [SecretBytes]) async {
    guard let entry = table.managed[id], let accepted = entry.accepted else {
      return
    }
    let generation = entry.generation
    let faults = await tell(id, of: .change, accepted, values)
    guard table.managed[id] != nil else {
      return
    }
    if var record = table.folders[id] {
      record.notified = generation
      table.folders.save(record)
    }
    table.managed[id]?.notifying = nil
    note(faults, of: id)
    // A generation that came while the notices were under way needs its own.
    send(id, values)
  }

  /// Tells a workload to end, whose outputs are gone. At once: what it was told of before is over.
  func sendStop(_ id: String, _ values: [SecretBytes]) {
    guard let accepted = table.managed[id]?.accepted, !table.configuration.notices.isEmpty else {
      return
    }
    let before = table.managed[id]?.notifying
    before?.cancel()
    table.managed[id]?.notifying = Task(executorPreference: executor) {
      await before?.value
      await self.stop(id, accepted, values)
    }
  }

  private func stop(_ id: String, _ accepted: ManagedExecution.Accepted, _ values: [SecretBytes]) async {
    let faults = await tell(id, of: .stop, accepted, values)
    table.managed[id]?.notifying = nil
    note(faults, of: id)
    // What has come meanwhile starts it again.
    send(id, values)
  }

  private func tell(
    _ id: String, of event: Event, _ accepted: ManagedExecution.Accepted, _ values: [SecretBytes]
  ) async -> [String] {
    let folder = "\(table.configuration.outputs.root)/\(accepted.folder)"
    let notices = table.configuration.notices
    let faults = await notifier(event, notices, accepted.execution, id, folder, values)
    for fault in faults {
      log.error("notice failed", metadata: ["execution": "\(id)", "reason": "\(fault)"])
    }
    if faults.count < notices.count {
      log.notice(
        "notices sent",
        metadata: [
          "execution": "\(id)", "event": "\(event.rawValue)",
          "generation": .stringConvertible(table.managed[id]?.generation ?? 0),
          "notices": .stringConvertible(notices.count - faults.count),
        ])
    }
    return faults
  }

  private func note(_ faults: [String], of id: String) {
    table.managed[id]?.noticeProblems = faults.map { table.words($0) }
    table.managed[id]?.notices += table.configuration.notices.count - faults.count
    table.managed[id]?.failedNotices += faults.count
  }
}
