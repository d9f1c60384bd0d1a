import EventLoop
import ExecutionModel
import ProviderKit

/// What an owner wants of one reference.
public struct Subscription: Sendable {
  public let connection: ProviderConnection
  public let reference: Reference
  /// How often it is to be fetched; `nil` where only the value's own end calls for it.
  public let interval: Duration?
  /// Its source tells of changes; the interval is a safety net.
  public let isWatched: Bool

  public init(
    connection: ProviderConnection, reference: Reference, interval: Duration?, isWatched: Bool = false
  ) {
    self.connection = connection
    self.reference = reference
    self.interval = interval
    self.isWatched = isWatched
  }
}

/// How one reference stands.
public struct ReferenceState: Sendable {
  /// The last good value.
  public internal(set) var value: FetchedSecret?
  /// When the value was last seen to hold, on the wall clock.
  public internal(set) var lastSuccessUnix: Int64?
  public internal(set) var lastSuccess: Moment?
  /// Why the last attempt failed; `nil` after a success.
  public internal(set) var failure: ProviderFailure?
  public internal(set) var failuresInARow = 0
  /// When it is fetched next; `nil`: not by time, or it is being fetched now.
  public internal(set) var due: Moment?
  public internal(set) var interval: Duration?

  /// Nothing is known yet.
  public init() {}

  /// What a fetch now would give, as far as is known.
  public var result: FetchResult? {
    if let value { .success(value) } else { failure.map { .failure($0) } }
  }
}

/// One reference with those who want it.
struct TrackedReference {
  var state = ReferenceState()
  var owners: [String: Subscription] = [:]
  var timing: RefreshTiming?
  var isFetching = false
  /// Asked for again while it was being fetched.
  var isWantedAgain = false
  /// When a person last asked for it.
  var lastForced: Moment?

  var isPinned: Bool { owners.values.first?.reference.isPinned ?? false }
  var isWatched: Bool { owners.values.contains(where: \.isWatched) }

  /// The shortest interval that an owner asks for.
  var interval: Duration? { owners.values.compactMap(\.interval).min() }

  /// When to fetch after a success at `now`. `served` is the time on the grid that the fetch stood for; one that the present grid
  /// would not have let it join belongs to a longer interval, which was in force when the fetch began.
  func dueAfterSuccess(at now: Moment, served: Moment?) -> Moment? {
    var due: Moment?
    if !isPinned, let timing {
      let joined = served.flatMap { $0 <= now.advanced(by: timing.slack) ? $0 : nil }
      due = timing.next(after: max(now, joined ?? now))
    }
    if let value = state.value, let expiry = value.expiry {
      let life = value.fetchedAt.duration(to: expiry)
      let half = value.fetchedAt.advanced(by: life / 2)
      // Never in a hurry, should a store hand out values that are over already.
      let renewal = max(half, now.advanced(by: .seconds(1)))
      due = min(due ?? renewal, renewal)
    }
    return due
  }
}
