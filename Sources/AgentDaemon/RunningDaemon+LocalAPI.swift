import ExecutionModel
import Glibc
import ProviderKit
import Refresh
import Resolution
import SecretBytes

/// What the local API asks of the daemon.
extension RunningDaemon {
  /// Reads what was put. A large document takes longer than a turn of the loop may.
  ///
  /// - Throws: every fault.
  func item(_ body: SecretBytes) async throws(DocumentFaults) -> ExecutionDocument.Item {
    try await worker.run { () throws(DocumentFaults) -> ExecutionDocument.Item in
      try ExecutionDocument(body).item(nil)
    }
  }

  /// Writes an answer beside the loop: one of ten thousand secrets is megabytes of text.
  func page(_ write: @escaping @Sendable (StatusDocument) -> SecretBytes) async -> SecretBytes {
    let status = await status()
    return await worker.run { write(status) }
  }

  func status() async -> StatusDocument {
    let labels = await pool.openLabels
    let listings = supervisor.overview.sources
    return StatusDocument(
      version: version, nodeID: settings.configuration.nodeID, executions: await supervisor.overview.status(labels),
      sources: listings.sources, unheard: listings.unheard, sourceFailures: listings.failures,
      unreadable: listings.unreadable, unremoved: supervisor.overview.unremoved,
      openBreakers: scheduler.openBreakers.map { labels[$0.key] ?? ProviderPool.Label($0) }, turns: loop.turnCounts,
      refusals: supervisor.refusals.counts,
      volumes: valueListeners == nil ? nil : volumes.counts)
  }

  /// Sources that were not heard yet, and executions that are not ready.
  func readiness() async -> (unheard: [String], unready: [String]) {
    let unready = await supervisor.overview.readiness().unready
    let unheard = supervisor.overview.sources.unheard
    let behind = sources.filter(\.isBehind).map(\.name)
    return (unheard + behind.filter { !unheard.contains($0) }, unready)
  }

  func connectionCounts() async -> [ProviderPool.Label: ConnectionMetrics.Counts] { await pool.counts }

  /// `nil` where there is no such execution or secret.
  func refresh(_ execution: String?, _ secret: String?) -> RefreshOutcome? {
    guard let references = supervisor.overview.references(of: execution, secret: secret) else {
      return nil
    }
    return scheduler.refresh(Array(Set(references)))
  }

  /// A workload, or an operator in its place, says that a value was refused where it is used: it is fetched at once.
  ///
  /// - Parameter user: the workload's; `nil`: an operator says so.
  func noteRefusal(of secret: String, of execution: String, by user: uid_t?) -> RefusalOutcome {
    if let user, !supervisor.overview.isWorkload(user, of: execution) {
      return .notTheirs
    }
    guard let references = supervisor.overview.references(of: execution, secret: secret) else {
      return .unknown
    }
    guard supervisor.refusals.admits(execution, at: loop.now) else {
      return .tooMany
    }
    let outcome = scheduler.refresh(references)
    supervisor.refusals.note(execution, isFetched: outcome.started > 0)
    log.notice(
      "value refused",
      metadata: [
        "execution": "\(execution)", "secret": "\(secret)", "uid": user.map { .stringConvertible($0) } ?? "operator",
        "fetched": .stringConvertible(outcome.started > 0),
      ])
    return .taken(outcome)
  }

  /// Which source has the execution, where a put is not to override it.
  func owner(of id: String) async -> String? {
    guard !settings.configuration.api.putOverrides else {
      return nil
    }
    return supervisor.overview.sources.source(of: id, otherThan: LocalSource.name)
  }

  /// Takes a document by way of the local API; the faults, one a line, where it is refused.
  func put(_ id: String, _ item: ExecutionDocument.Item) async throws(DocumentFaults) -> String? {
    guard item.hasJobSpec else {
      throw DocumentFaults([DocumentFault("job_spec", "required: what is put here has to say what secrets it wants")])
    }
    try await supervisor.validate(item)
    let isNew = !local.has(id)
    await take(local.put(id, item))
    let problem = supervisor.overview.documentProblem(of: id)
    if problem != nil, isNew, !supervisor.overview.isWaiting(id), let report = local.delete(id) {
      // Who was told no has put nothing.
      await take(report)
    }
    return problem
  }

  /// `false` where nothing of this id was put.
  func delete(_ id: String) async -> Bool {
    if let report = local.delete(id) {
      await take(report)
      return true
    }
    // It may have been put before the daemon was restarted.
    return await supervisor.forget(id, of: LocalSource.name)
  }

  /// Why its outputs are still there, though nobody wants them; they are tried again.
  func obstacle(toRemoving id: String) async -> String? { supervisor.overview.unremoved[id] }
}
