import ExecutionModel
import ProviderKit
import Refresh
import Resolution

/// What the local API asks.
extension Daemon {
  func status() async -> StatusDocument {
    StatusDocument(
      version: version, nodeID: settings.configuration.nodeID, executions: await supervisor?.status() ?? [],
      sourceFailures: await supervisor?.sourceFailures ?? [:], unreadable: await supervisor?.unreadable ?? [:],
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
    _ = try registry.catalog.validate(item, in: await supervisor?.validationContext ?? ValidationContext())
    await supervisor?.note(await local.put(id, item))
    await followFiles()
    return await supervisor?.documentProblem(of: id)
  }

  /// `false` where nothing of this id was put.
  func delete(_ id: String) async -> Bool {
    if let report = await local.delete(id) {
      await supervisor?.note(report)
      await followFiles()
      return true
    }
    guard await supervisor?.unlisted(of: LocalSource.name).contains(id) == true else {
      return false
    }
    // It was put before the daemon was restarted.
    await supervisor?.forget(id)
    return true
  }
}
