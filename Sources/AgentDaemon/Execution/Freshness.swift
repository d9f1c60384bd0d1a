import EventLoop
import NodePolicy
import ProviderKit
import Refresh

/// How old values may be, judged by the clock and not by what a fetch that is under way may yet come to.
struct Freshness {
  /// How long after its time a fetch may take before its value counts as late.
  static let grace: Duration = .seconds(1)
  /// A value of just the greatest age is not too old yet.
  private static let moment: Duration = .milliseconds(1)

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

  /// Whether what is too old is to be delivered no more.
  var withholds: Bool { policy.maxStale != nil && policy.onMaxStale != .keep }

  /// Whether it is to be delivered no more.
  func isWithheld(_ state: ReferenceState) -> Bool { withholds && isTooOld(state) }

  /// The same of what was fetched then, in Unix seconds.
  func isWithheld(since fetched: Int64, unixTime: Int64) -> Bool {
    withholds && isTooOld(.seconds(max(0, unixTime.subtractingReportingOverflow(fetched).partialValue)))
  }

  /// From when on it is to be delivered no more, should no newer one come; `nil`: that is not known by time.
  func end(of state: ReferenceState) -> Moment? {
    guard let limit = policy.maxStale, state.value != nil, let last = state.lastSuccess else {
      return nil
    }
    let end = last.advanced(by: .nanoseconds(limit.nanoseconds))
    guard !state.isRestored, state.failure == nil else {
      return end.advanced(by: Self.moment)
    }
    return state.expected.map { max(end, $0.advanced(by: Self.grace)).advanced(by: Self.moment) }
  }

  /// The same of what was fetched then, in Unix seconds.
  func end(since fetched: Int64, unixTime: Int64) -> Moment? {
    policy.maxStale.map { limit in
      let age = max(0, unixTime.subtractingReportingOverflow(fetched).partialValue)
      // Its age is known in whole seconds.
      return now.advanced(by: .nanoseconds(limit.nanoseconds) - .seconds(age) + .seconds(1))
    }
  }

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
