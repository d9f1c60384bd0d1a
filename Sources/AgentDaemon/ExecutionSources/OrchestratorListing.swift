import ExecutionModel

/// What a complete answer of all addresses lists of this node.
struct OrchestratorListing: Sendable {
  var items: [String: ExecutionDocument.Item] = [:]
  var unreadable: [String: String] = [:]
  /// Whether something is listed that may be any execution, so that what seems to lack may be it.
  var hidesAny = false

  mutating func note(_ entry: ExecutionPage.Entry, node: String) {
    guard entry.nodeID == node || entry.hidesNode else {
      return
    }
    switch (entry.id, entry.item) {
    case (let id?, .success(let item)) where !id.isEmpty:
      items[id] = item
    case (let id?, .failure(let faults)) where !id.isEmpty:
      unreadable[id] = faults.faults.first?.line ?? "malformed"
    case (_, .failure(let faults)):
      hidesAny = true
      unreadable[entry.path] = faults.faults.first?.line ?? "malformed"
    default:
      hidesAny = true
      unreadable[entry.path] = "\(entry.path).id: required: the execution's id, a string"
    }
  }
}
