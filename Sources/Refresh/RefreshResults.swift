import EventLoop
import ExecutionModel
import Logging
import ProviderKit
import Resolution

/// What becomes of the results of a batch.
extension RefreshScheduler {
  func finish(
    _ batch: [(reference: Reference, due: Moment)], _ connection: ProviderConnection, _ results: [FetchResult]
  ) async {
    let now = time.now
    connections[connection.key]?.breaker.note(results, at: now, random: random())
    var changed: Set<String> = []
    for ((reference, due), result) in zip(batch, results) {
      guard var tracked = connections[connection.key]?.references[reference] else {
        continue
      }
      tracked.isFetching = false
      if note(result, due, now, &tracked) {
        changed.formUnion(tracked.owners.keys)
      }
      if tracked.isWantedAgain {
        tracked.isWantedAgain = false
        tracked.state.due = now
      }
      connections[connection.key]?.references[reference] = tracked
    }
    arm()
    if !changed.isEmpty {
      await observer(changed)
    }
  }

  /// Whether the owners have something to learn.
  private func note(
    _ result: FetchResult, _ due: Moment, _ now: Moment, _ tracked: inout TrackedReference
  ) -> Bool {
    switch result {
    case .success(let secret):
      let isNews = tracked.state.value.map { $0.payload != secret.payload } ?? true
      let hadFailed = tracked.state.failure != nil
      tracked.state.value = secret
      tracked.state.lastSuccess = now
      tracked.state.lastSuccessUnix = time.unixTime
      tracked.state.failure = nil
      tracked.state.failuresInARow = 0
      tracked.state.due = tracked.dueAfterSuccess(at: now, served: due)
      return isNews || hadFailed
    case .failure(let failure):
      let isFirst = tracked.state.failure == nil
      tracked.state.failure = failure
      tracked.state.failuresInARow += 1
      let pause = RefreshReaction.pause(
        after: failure, failures: tracked.state.failuresInARow, interval: tracked.state.interval ?? .seconds(3600),
        random: random())
      tracked.state.due = now.advanced(by: pause)
      log.warning(
        "refresh failed",
        metadata: [
          "class": "\(failure.kind.rawValue)", "reason": "\(failure.line)", "retry_in": "\(pause)",
          "failures": "\(tracked.state.failuresInARow)",
        ])
      return isFirst
    }
  }
}
