import Delivery
import ExecutionModel
import Logging

/// Which execution owns which folder beneath the output root, over restarts. A folder changes hands only when what the agent put there
/// is gone; what cannot be removed stays on record, and is tried again.
struct OutputFolders {
  private let store: ExecutionRecords
  private let log: Logger
  private var records: [String: ExecutionRecord]
  private var owners: [String: String] = [:]
  /// Why outputs that nobody wants are still there, by their execution's id.
  private(set) var unremoved: [String: String] = [:]

  init(_ store: ExecutionRecords, log: Logger) {
    self.store = store
    self.log = log
    records = store.load()
    for record in records.values {
      owners[record.folder] = record.id
    }
  }

  /// Every recorded execution's id.
  var ids: [String] { Array(records.keys) }

  subscript(id: String) -> ExecutionRecord? { records[id] }

  /// Whose folder it is, if it is somebody's.
  func owner(of folder: String) -> String? { owners[folder] }

  /// Puts a folder on record as `record.id`'s, before anything is written there.
  mutating func save(_ record: ExecutionRecord) {
    guard records[record.id] != record else {
      return
    }
    if let before = records[record.id], before.folder != record.folder, owners[before.folder] == record.id {
      owners[before.folder] = nil
    }
    owners[record.folder] = record.id
    records[record.id] = record
    do throws(ExecutionRecords.Fault) {
      try store.save(record)
    } catch {
      log.error("state not recorded", metadata: ["execution": "\(record.id)", "reason": "\(error)"])
    }
  }

  /// `id` is to be delivered to a folder that is nobody's or its own; nothing is on record before something is written.
  mutating func claim(_ folder: String, for id: String) {
    owners[folder] = id
  }

  /// Ends a claim that came to nothing.
  ///
  /// - Returns: the folder, if it is free now.
  mutating func abandon(_ folder: String?, by id: String) -> String? {
    guard let folder, owners[folder] == id, records[id]?.folder != folder else {
      return nil
    }
    owners[folder] = nil
    return folder
  }

  /// Removes the outputs of `id`, and its record once they are gone.
  ///
  /// - Returns: the folder that is free now; `nil` where it is not.
  mutating func release(_ id: String, _ directory: (String) -> GenerationDirectory) -> String? {
    guard let record = records[id] else {
      return nil
    }
    guard remove(directory(record.folder), id) else {
      return nil
    }
    records[id] = nil
    owners[record.folder] = nil
    store.remove(id)
    return record.folder
  }

  /// `id` is wanted again, so that what lies there is its own.
  mutating func reclaim(_ id: String) {
    unremoved[id] = nil
  }

  /// Removes outputs and keeps their record: they may come back.
  ///
  /// - Returns: whether they are gone.
  mutating func remove(_ directory: GenerationDirectory, _ id: String) -> Bool {
    do throws(DeliveryFaults) {
      try directory.remove()
      unremoved[id] = nil
      return true
    } catch {
      if unremoved[id] != error.description {
        log.error("outputs not removed", metadata: ["execution": "\(id)", "reason": "\(error.description)"])
      }
      unremoved[id] = error.description
      return false
    }
  }
}
