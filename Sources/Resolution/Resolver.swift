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
    try generation(of: plan, await results(of: plan, within: limit))
  }

  /// What fetching everything that `plan` names came to.
  ///
  /// - Parameter limit: for the whole of it; what has no answer by then fails.
  public func results(of plan: ExecutionPlan, within limit: Duration) async -> [Reference: FetchResult] {
    let fetched = await fetch(plan, within: limit)
    var results: [Reference: FetchResult] = [:]
    for (group, fetched) in zip(plan.groups, fetched) {
      for (reference, result) in zip(group.references, fetched) {
        results[reference] = result
      }
    }
    return results
  }

  /// - Throws: every failed entry.
  public func generation(
    of plan: ExecutionPlan, _ results: [Reference: FetchResult]
  ) throws(GenerationFailure) -> Generation {
    try GenerationAssembly.assemble(plan, atMost: pool.policy.bounds.executionBytes) { item in
      let group = plan.groups[item.group]
      return results[group.references[item.reference]]
        ?? .failure(ProviderFailure(.transient, connection: group.connection.name, "not fetched"))
    }
  }

  /// Logs in to every connection of `plan` and fetches nothing: one result a group.
  public func logIn(
    _ plan: ExecutionPlan, within limit: Duration
  ) async -> [Result<LoginReport, ProviderFailure>] {
    await limited(to: limit) { end in
      await inOrder(plan.groups, atMost: plan.groups.count) { group in
        await Patience.answers(to: [group.connection], until: end, on: time) {
          await inOrder($0, atMost: 1) { await logIn($0) }
        }
      }
    }.flatMap { $0 }
  }

  private func logIn(_ connection: ProviderConnection) async -> Result<LoginReport, ProviderFailure> {
    do throws(ProviderFailure) {
      return .success(try await pool.provider(connection).logIn())
    } catch {
      return .failure(error)
    }
  }

  /// Connections go side by side; each bounds its own calls.
  private func fetch(_ plan: ExecutionPlan, within limit: Duration) async -> [[FetchResult]] {
    await limited(to: limit) { end in
      await inOrder(plan.groups, atMost: plan.groups.count) { group in
        let fields = TakenFields(group.fields.lazy.flatMap(\.self))
        return await Patience.answers(to: group.references, until: end, on: time) {
          await pool.fetch($0, taking: fields, over: group.connection)
        }
      }
    }
  }

  /// Runs `work` until `end` and cancels it then; cancelled calls come back as failures of their own. A little of the limit is kept for
  /// leaving.
  private func limited<Outcome: Sendable>(
    to limit: Duration, _ work: @escaping @Sendable (_ end: Moment) async -> Outcome
  ) async -> Outcome {
    let time = time
    let end = time.now.advanced(by: limit - min(WorkLimit.leaving, limit / 4))
    return await WorkLimit.$end.withValue(end) {
      await withTaskGroup(of: Outcome?.self) { group in
        // At the limit the work is cancelled, and its outcome awaited all the same: it tells what each call had come to.
        group.addTask { await work(end) }
        group.addTask {
          try? await time.sleep(until: end)
          return nil
        }
        while let finished = await group.next() {
          group.cancelAll()
          if let outcome = finished {
            return outcome
          }
        }
        // Not reached: the work always has an outcome. Without the line there would be none to return.
        return await work(end)
      }
    }
  }
}
