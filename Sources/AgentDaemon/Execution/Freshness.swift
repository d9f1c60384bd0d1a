import EventLoop
import NodePolicy
import ProviderKit
import Refresh

/// How old values may be, judged by the clock and not by what a fetch that is under way may yet come to.
struct Freshness {
  /// How long after its time a fetch may take before its value counts as late.
  static let grace: Duration = .seconds(1)

  let policy: NodePolicy
  let now: Moment

  func age(of state: ReferenceState) -> Duration? { state.lastSuccess.map { $0.duration(to: now) } }

  /// Whether a newer value should be there by now.
  func isLate(_ state: ReferenceState) -> Bool {
    state.value != nil
      && (state.isRestored || state.failure != nil || state.expected.map { $0.advanced(by: Self.grace) < now } ?? false)
  }

  /// Fresh enough: no older than the policy allows, or, where it sets no limit, than two refreshes and a minute.
  func isFresh(_ state: ReferenceState) -> Bool {
    guard let age = age(of: state) else {
      return false
    }
    guard isLate(state) else {
      return true
    }
    if let limit = policy.maxStale {
      return age <= .nanoseconds(limit.nanoseconds)
    }
    return state.interval.map { age <= $0 * 2 + .seconds(60) } ?? (state.failure == nil)
  }

  /// Whether it is older than the policy allows.
  func isTooOld(_ state: ReferenceState) -> Bool {
    isLate(state) && age(of: state).map { isTooOld($0) } ?? false
  }

  /// Whether the policy lets no value of this age be used.
  func isTooOld(_ age: Duration) -> Bool { policy.maxStale.map { age > .nanoseconds($0.nanoseconds) } ?? false }

  /// Whether it is to be delivered no more.
  func isWithheld(_ state: ReferenceState) -> Bool { policy.onMaxStale != .keep && isTooOld(state) }

  /// The value to deliver.
  func result(of state: ReferenceState?) -> FetchResult {
    guard let state, let result = state.result else {
      return .failure(ProviderFailure(.transient, connection: "", "not fetched yet"))
    }
    guard isWithheld(state) else {
      return result
    }
    return .failure(
      state.failure
        ?? ProviderFailure(.transient, connection: "", "the value is older than max_stale, and no newer one has come"))
  }
}
