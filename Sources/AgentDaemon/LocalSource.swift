import EventLoop
import ExecutionModel

/// The executions that were put by way of the local API. They are kept in memory only, since a document may hold credentials: who put
/// them puts them again after a restart of the daemon, and until then their outputs stay as they are.
@DaemonActor
final class LocalSource {
  nonisolated static let name = "local API"

  private var items: [String: ExecutionDocument.Item] = [:]

  func put(_ id: String, _ item: ExecutionDocument.Item) -> SourceReport {
    items[id] = item
    return SourceReport(source: Self.name, listed: items)
  }

  func has(_ id: String) -> Bool { items[id] != nil }

  /// `nil` where it was not there.
  func delete(_ id: String) -> SourceReport? {
    guard items.removeValue(forKey: id) != nil else {
      return nil
    }
    return SourceReport(source: Self.name, listed: items, left: [id])
  }
}
