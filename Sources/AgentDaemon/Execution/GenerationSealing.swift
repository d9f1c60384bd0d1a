import EventLoop
import ExecutionModel
import Logging
import Refresh
import SealedCache

/// Seals generations for a start without a network, before they are where workloads read them: a crash in between leaves the cache
/// ahead of the outputs, never behind them.
@DaemonActor
final class GenerationSealing {
  private let table: ExecutionTable
  private let scheduler: RefreshScheduler
  private let cache: GenerationCache
  private let time: any TimeSource
  private let log: Logger
  private let worker: WorkerThread?

  init(
    _ table: ExecutionTable, scheduler: RefreshScheduler, cache: GenerationCache, time: any TimeSource, log: Logger,
    worker: WorkerThread?
  ) {
    self.table = table
    self.scheduler = scheduler
    self.cache = cache
    self.time = time
    self.log = log
    self.worker = worker
  }

  /// Seals what is to be delivered; where there is no whole generation, destroys the values that their stores no longer give.
  ///
  /// - Returns: whether the cache is as it should be.
  func keep(
    _ id: String, _ accepted: ManagedExecution.Accepted, _ states: [(Reference, ReferenceState)], isWhole: Bool
  ) async -> Bool {
    guard let entry = table.managed[id] else {
      return false
    }
    let (item, last, cache) = (entry.item, entry.kept, cache)
    let handovers = await scheduler.handovers(of: accepted.plan)
    let clock = (time.unixTime, time.now)
    let maxStale = table.policy.maxStale.map { $0.nanoseconds / 1_000_000_000 }
    let kept: CachedGeneration?
    do throws(CacheFault) {
      kept = try await WorkerThread.run(on: worker) { () throws(CacheFault) -> CachedGeneration? in
        let states = Dictionary(states) { first, _ in first }
        let handovers = GenerationCache.kept(handovers, item)
        func destroyRefused() throws(CacheFault) -> CachedGeneration? {
          let refused = accepted.execution.secrets.lazy.filter { states[$0.reference]?.isRefused == true }
          return try cache.destroy(Set(refused.map(\.name)), of: id, leaving: handovers)
        }
        guard isWhole else {
          return try destroyRefused() ?? last
        }
        do throws(CacheFault) {
          return try cache.keep(
            accepted.execution, item, id, states.compactMapValues(\.live), handovers, unless: last, maxStale: maxStale,
            at: clock)
        } catch {
          // A disk that is full saves no value.
          _ = try? destroyRefused()
          throw error
        }
      }
    } catch {
      if table.managed[id]?.cacheProblem != error.description {
        log.error("cache not written", metadata: ["execution": "\(id)", "reason": "\(error)"])
      }
      table.managed[id]?.cacheProblem = error.description
      let failures = min(table.managed[id]?.cacheFailures ?? 0, 1000) + 1
      table.managed[id]?.cacheFailures = failures
      return false
    }
    // Not in one step with the wait above: the place of an entry moves while others come and go.
    table.managed[id]?.kept = kept
    table.managed[id]?.cacheProblem = nil
    table.managed[id]?.cacheFailures = 0
    return true
  }
}
