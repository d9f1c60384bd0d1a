import EventLoop
import ExecutionModel
import ProviderKit

/// Makes one generation of an execution: logs in, fetches what the plan names, extracts fields, encodes. All or nothing.
public struct Resolver: Sendable {
  private let pool: ProviderPool
  private let time: any TimeSource

  public init(pool: ProviderPool, time: any TimeSource) {
    self.pool = pool
    self.time = time
  }

  /// - Parameter limit: for the whole of it; what has no answer by then fails.
  /// - Throws: every failed entry.
  public func resolve(_ plan: ExecutionPlan, within limit: Duration) async throws(GenerationFailure) -> Generation {
    let fetched = await fetch(plan, within: limit)
    return try GenerationAssembly.assemble(plan, atMost: pool.policy.bounds.executionBytes) {
      fetched[$0.group][$0.reference]
    }
  }

  /// Logs in to every connection of `plan` and fetches nothing: one result a group.
  public func logIn(
    _ plan: ExecutionPlan, within limit: Duration
  ) async -> [Result<LoginReport, ProviderFailure>] {
    await limited(to: limit) {
      await inOrder(plan.groups, atMost: plan.groups.count) { group in
        do throws(ProviderFailure) {
          return .success(try await pool.provider(group.connection).logIn())
        } catch {
          return .failure(error)
        }
      }
    }
  }

  /// Connections go side by side; each bounds its own calls.
  private func fetch(_ plan: ExecutionPlan, within limit: Duration) async -> [[FetchResult]] {
    let deadline = time.now.advanced(by: limit)
    return await limited(to: limit) {
      await inOrder(plan.groups, atMost: plan.groups.count) { group in
        await patiently(group.references, until: deadline) { await pool.fetch($0, over: group.connection) }
      }
    }
  }

  /// Asks again for what its store asked to wait for, where that is over by `deadline`.
  private func patiently(
    _ references: [Reference], until deadline: Moment, _ fetch: ([Reference]) async -> [FetchResult]
  ) async -> [FetchResult] {
    var results = await fetch(references)
    while true {
      let left = time.now.duration(to: deadline)
      let waiting = results.indices.filter { place in
        results[place].failure.map { $0.isRetriable && $0.retryAfter.map { $0 < left } ?? false } ?? false
      }
      guard let wait = waiting.compactMap({ results[$0].failure?.retryAfter }).max(),
        (try? await time.sleep(for: wait)) != nil
      else {
        return results
      }
      for (place, result) in zip(waiting, await fetch(waiting.map { references[$0] })) {
        results[place] = result
      }
    }
  }

  /// Runs `work` and cancels it at the limit; cancelled calls come back as failures of their own.
  private func limited<Outcome: Sendable>(
    to limit: Duration, _ work: @escaping @Sendable () async -> Outcome
  ) async -> Outcome {
    let time = time
    return await withTaskGroup(of: Outcome?.self) { group in
      // At the limit the work is cancelled, and its outcome awaited all the same: it tells what each call had come to.
      group.addTask { await work() }
      group.addTask {
        try? await time.sleep(for: limit)
        return nil
      }
      while let finished = await group.next() {
        group.cancelAll()
        if let outcome = finished {
          return outcome
        }
      }
      // Not reached: the work always has an outcome. Without the line there would be none to return.
      return await work()
    }
  }
}
