import Delivery
import EventLoop
import ExecutionModel
import Glibc
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes

extension ExecutionSupervisor {
  /// Values of `owners` changed.
  func valuesChanged(_ owners: Set<String>) {
    for id in owners {
      settle(id, after: Self.settling)
    }
  }

  func settle(_ id: String, after pause: Duration) {
    guard managed[id] != nil, managed[id]?.settling == nil, !isStopping else {
      return
    }
    managed[id]?.settling = Task(executorPreference: executor) { [time] in
      if pause > .zero {
        guard (try? await time.sleep(for: pause)) != nil else {
          return
        }
      }
      await self.deliver(id)
    }
  }

  private func deliver(_ id: String) async {
    managed[id]?.settling = nil
    guard let scheduler, let accepted = managed[id]?.accepted else {
      return
    }
    let states = await scheduler.states(of: id)
    // The execution may have changed or gone while the states were asked for.
    guard let current = managed[id]?.accepted, current.folder == accepted.folder, !isStopping else {
      return
    }
    let plan = current.plan
    guard plan.items.allSatisfy({ states[$0.reference(in: plan)]?.result != nil }) else {
      return
    }
    do throws(GenerationFailure) {
      let generation = try GenerationAssembly.assemble(plan) { item in
        self.result(of: states[item.reference(in: plan)])
      }
      put(generation, id, current)
    } catch {
      fail(id, error, states)
    }
  }

  /// The value to deliver, unless the policy says that it is too old.
  private func result(of state: ReferenceState?) -> FetchResult {
    guard let state, let result = state.result else {
      return .failure(ProviderFailure(.transient, connection: "", "not fetched yet"))
    }
    if let limit = policy.maxStale, let last = state.lastSuccess, let failure = state.failure,
      last.duration(to: time.now) > .nanoseconds(limit.nanoseconds)
    {
      return .failure(failure)
    }
    return result
  }

  private func fail(_ id: String, _ failure: GenerationFailure, _ states: [Reference: ReferenceState]) {
    let first = failure.failures.first?.line ?? ""
    let rest = failure.failures.count > 1 ? " (and \(failure.failures.count - 1) more)" : ""
    let isNew = managed[id]?.deliveryProblem != first + rest
    managed[id]?.deliveryProblem = first + rest
    if isNew {
      for failed in failure.failures.prefix(20) {
        log.error("generation not made", metadata: ["execution": "\(id)", "reason": "\(failed.line)"])
      }
    }
    let isTooOld = states.values.contains { state in
      state.value != nil && (try? result(of: state).get()) == nil
    }
    if isTooOld, let directory = managed[id]?.accepted?.directory, managed[id]?.generation ?? 0 > 0 {
      log.error("outputs withdrawn", metadata: ["execution": "\(id)", "reason": "a value is older than max_stale"])
      removeOutputs(directory, id)
    }
  }

  private func put(_ generation: Generation, _ id: String, _ accepted: ManagedExecution.Accepted) {
    let inPlace = managed[id]?.generation ?? 0
    let number = inPlace + 1
    let secrets = generation.secrets.map { DeliveredSecret(name: $0.name, value: $0.value) }
    let manifest = GenerationManifest.write(
      generation, number: number, execution: id, now: time.now, unixTime: time.unixTime)
    do throws(DeliveryFaults) {
      makeRoot()
      let outcome = try accepted.directory.deliver(secrets, manifest: manifest)
      managed[id]?.deliveryProblem = nil
      managed[id]?.deliveryFailures = 0
      for warning in outcome.warnings {
        log.warning("output left in part", metadata: ["execution": "\(id)", "reason": "\(warning)"])
      }
      if outcome.change == .content {
        managed[id]?.generation = number
        managed[id]?.deliveredAtUnix = time.unixTime
        log.notice(
          "generation delivered",
          metadata: ["execution": "\(id)", "generation": "\(number)", "secrets": "\(secrets.count)"])
      } else if inPlace == 0 {
        // What an earlier process delivered is in place, but its manifest does not say which generation it is.
        managed[id]?.generation = number
        managed[id]?.deliveredAtUnix = time.unixTime
      }
      record(id, accepted.folder)
      notifyIfNeeded(id, secrets.map(\.value))
    } catch {
      deliveryFailed(id, error)
    }
  }

  private func makeRoot() {
    // Its permissions let others pass, not list: each execution's folder has its own.
    mkdir(configuration.outputs.root, 0o711)
  }

  private func deliveryFailed(_ id: String, _ error: DeliveryFaults) {
    let first = error.faults.first?.description ?? ""
    if managed[id]?.deliveryProblem != first {
      for fault in error.faults.prefix(20) {
        log.error("generation not delivered", metadata: ["execution": "\(id)", "reason": "\(fault)"])
      }
    }
    managed[id]?.deliveryProblem = first
    let failures = (managed[id]?.deliveryFailures ?? 0) + 1
    managed[id]?.deliveryFailures = failures
    settle(id, after: min(.seconds(1) * (1 << min(failures, 6)), .seconds(60)))
  }

  /// Compares every output with what it should hold, and mends it: for what is changed or deleted behind the agent's back, and for
  /// values that became too old.
  func audit() {
    for entry in managed.values where entry.accepted != nil {
      settle(entry.id, after: .zero)
    }
  }
}
