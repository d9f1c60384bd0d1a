import ExecutionModel
import ProviderKit
import Refresh
import Resolution

/// What the local API asks.
extension Daemon {
  func status() async -> StatusDocument {
    let sources = await supervisor?.sources
    return StatusDocument(
      version: version, nodeID: settings.configuration.nodeID, executions: await supervisor?.status() ?? [],
      sources: sources?.sources ?? [], unheard: sources?.unheard ?? [], sourceFailures: sources?.failures ?? [:],
      unreadable: sources?.unreadable ?? [:], unremoved: await supervisor?.unremoved ?? [:],
      openBreakers: await scheduler?.openBreakers.map(\.name) ?? [])
  }

  func connectionCounts() async -> [ProviderPool.Label: ConnectionMetrics.Counts] {
    await pool.counts
  }

  /// `nil` where there is no such execution or secret.
  func refresh(_ execution: String?, _ secret: String?) async -> (started: Int, tooSoon: Int)? {
    guard let references = await supervisor?.references(of: execution, secret: secret) else {
      return nil
    }
    return await scheduler?.refresh(Array(Set(references)))
  }

  /// Takes a document by way of the local API; the faults, one a line, where it is refused.
  func put(_ id: String, _ item: ExecutionDocument.Item) async throws(DocumentFaults) -> String? {
    guard item.hasJobSpec else {
      throw DocumentFaults([DocumentFault("job_spec", "required: what is put here has to say what secrets it wants")])
    }
    try await supervisor?.validate(item)
    await supervisor?.note(await local.put(id, item))
    await followFiles()
    return await supervisor?.documentProblem(of: id)
  }

  /// Why its outputs are still there, though nobody wants them; they are tried again.
  func obstacle(toRemoving id: String) async -> String? { await supervisor?.unremoved[id] }

  /// `false` where nothing of this id was put.
  func delete(_ id: String) async -> Bool {
    if let report = await local.delete(id) {
      await supervisor?.note(report)
      await followFiles()
      return true
    }
    // It may have been put before the daemon was restarted.
    return await supervisor?.forget(id, of: LocalSource.name) ?? false
  }
}
