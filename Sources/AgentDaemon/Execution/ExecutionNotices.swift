import EventLoop
import ExecutionModel
import Logging
import SecretBytes

/// Tells workloads of a new generation: once, over restarts too, since what was told of is on record.
@DaemonActor
final class ExecutionNotices {
  /// Sends the configured notices of a change; gives one line for each that failed.
  typealias Notifier =
    @Sendable (
      _ notices: [AgentConfiguration.Notice], _ execution: Execution, _ id: String, _ folder: String,
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
    let folder = "\(table.configuration.outputs.root)/\(accepted.folder)"
    let faults = await notifier(table.configuration.notices, accepted.execution, id, folder, values)
    for fault in faults {
      log.error("notice failed", metadata: ["execution": "\(id)", "reason": "\(fault)"])
    }
    let sent = table.configuration.notices.count - faults.count
    if sent > 0 {
      log.notice(
        "notices sent", metadata: ["execution": "\(id)", "generation": "\(generation)", "notices": "\(sent)"])
    }
    guard table.managed[id] != nil else {
      return
    }
    if var record = table.folders[id] {
      record.notified = generation
      table.folders.save(record)
    }
    table.managed[id]?.notifying = nil
    table.managed[id]?.noticeProblem = faults.first
    table.managed[id]?.notices += sent
    table.managed[id]?.failedNotices += faults.count
    // A generation that came while the notices were under way needs its own.
    send(id, values)
  }
}
