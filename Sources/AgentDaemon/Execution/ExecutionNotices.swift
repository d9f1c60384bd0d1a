import Delivery
import EventLoop
import SecretBytes

extension ExecutionSupervisor {
  func record(_ id: String, _ folder: String) {
    guard let entry = managed[id] else {
      return
    }
    var record = known[id] ?? ExecutionRecord(id: id, source: entry.source, folder: folder, notified: 0)
    record.source = entry.source
    record.folder = folder
    // Without anybody to tell, and for a first generation that nobody has read yet, there is nothing to catch up on later.
    if configuration.notices.isEmpty || (record.notified == 0 && entry.generation == 1) {
      record.notified = entry.generation
    }
    save(record)
  }

  private func save(_ record: ExecutionRecord) {
    guard known[record.id] != record else {
      return
    }
    do throws(ExecutionRecords.Fault) {
      try records.save(record)
      known[record.id] = record
    } catch {
      log.error("state not recorded", metadata: ["execution": "\(record.id)", "reason": "\(error)"])
    }
  }

  func notifyIfNeeded(_ id: String, _ values: [SecretBytes]) {
    guard let entry = managed[id], entry.notifying == nil, !configuration.notices.isEmpty,
      entry.generation > known[id]?.notified ?? 0
    else {
      return
    }
    let pause = configuration.noticeDelay
    managed[id]?.notifying = Task(executorPreference: executor) { [time] in
      guard (try? await time.sleep(for: pause)) != nil else {
        return
      }
      await self.notify(id, values)
    }
  }

  private func notify(_ id: String, _ values: [SecretBytes]) async {
    guard let entry = managed[id], let accepted = entry.accepted, var record = known[id] else {
      return
    }
    let generation = entry.generation
    let folder = "\(configuration.outputs.root)/\(accepted.folder)"
    let faults = await notifier(configuration.notices, accepted.execution, id, folder, values)
    for fault in faults {
      log.error("notice failed", metadata: ["execution": "\(id)", "reason": "\(fault)"])
    }
    log.notice("notices sent", metadata: ["execution": "\(id)", "generation": "\(generation)"])
    record.notified = generation
    if managed[id] != nil {
      save(record)
    }
    managed[id]?.notifying = nil
    managed[id]?.noticeProblem = faults.first
    managed[id]?.notices += configuration.notices.count - faults.count
    managed[id]?.failedNotices += faults.count
    // A generation that came while the notices were under way needs its own.
    notifyIfNeeded(id, values)
  }
}
