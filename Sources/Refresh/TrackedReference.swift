import EventLoop
import ExecutionModel
import Masking
import ProviderKit
import SecretBytes

/// What an owner wants of one reference.
public struct Subscription: Sendable {
  public let connection: ProviderConnection
  public let reference: Reference
  /// How often it is to be fetched; `nil` where only the value's own end calls for it.
  public let interval: Duration?
  /// Its source tells of changes; the interval is a safety net.
  public let isWatched: Bool
  /// What is taken of its value.
  public let fields: Set<String>
  /// Its value of an earlier life of the process, to begin with.
  public let restored: RestoredValue?

  public init(
    connection: ProviderConnection, reference: Reference, interval: Duration?, isWatched: Bool = false,
    fields: Set<String> = [], restored: RestoredValue? = nil
  ) {
    self.connection = connection
    self.reference = reference
    self.interval = interval
    self.isWatched = isWatched
    self.fields = fields
    self.restored = restored
  }

  public func beginning(with restored: RestoredValue?) -> Subscription {
    Subscription(
      connection: connection, reference: reference, interval: interval, isWatched: isWatched, fields: fields,
      restored: restored)
  }
}

/// A value that was fetched in an earlier life of the process. It holds until its store answers.
public struct RestoredValue: Sendable {
  public let payload: SecretBytes
  public let version: String?
  public let fetchedAtUnix: Int64
  public let expiresAtUnix: Int64?
  /// The version before; `nil` where none is asked for.
  public let previous: FetchedSecret.Previous?
  /// Keeps what is delivered of it among the values in use; `nil`: nobody hides those.
  private let mark: LiveMark?

  public init(
    payload: SecretBytes, version: String?, fetchedAtUnix: Int64, expiresAtUnix: Int64?,
    previous: FetchedSecret.Previous? = nil, mark: LiveMark? = nil
  ) {
    self.payload = payload
    self.version = version
    self.fetchedAtUnix = fetchedAtUnix
    self.expiresAtUnix = expiresAtUnix
    self.previous = previous
    self.mark = mark
  }

  /// The value with the age that it has by now; `nil` where it has ended since. A clock that was set back makes it no younger, and
  /// its life no longer than it was when it was fetched.
  public func secret(at now: Moment, unixTime: Int64) -> FetchedSecret? {
    let expiry = expiry(at: now, unixTime)
    guard expiry.map({ $0 > now }) ?? true else {
      return nil
    }
    return FetchedSecret(
      payload: payload, version: version, expiry: expiry, fetchedAt: seen(at: now, unixTime), previous: previous,
      mark: mark)
  }

  /// When it was last seen to hold, by what the clock says now.
  func seen(at now: Moment, _ unixTime: Int64) -> Moment {
    let age = unixTime.subtractingReportingOverflow(fetchedAtUnix)
    return now.advanced(by: .zero - .seconds(age.overflow ? 0 : max(0, age.partialValue)))
  }

  /// When it ends, by what the clock says now.
  func expiry(at now: Moment, _ unixTime: Int64) -> Moment? {
    expiresAtUnix.map { end in
      let left = end.subtractingReportingOverflow(unixTime)
      let life = end.subtractingReportingOverflow(fetchedAtUnix)
      guard !left.overflow, !life.overflow else {
        return now
      }
      return now.advanced(by: .seconds(min(left.partialValue, life.partialValue)))
    }
  }

  /// Bytes of all that is held.
  var weight: Int {
    guard case .value(let bytes, _)? = previous else {
      return payload.count
    }
    return payload.count + bytes.count
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
  /// When a newer value should be there; `nil`: not by time.
  public internal(set) var expected: Moment?
  /// When it is fetched next; `nil`: not by time, or it is being fetched now.
  public internal(set) var due: Moment?
  public internal(set) var interval: Duration?
  /// The value is one of an earlier life of the process, and its store has not answered in this one.
  public internal(set) var isRestored = false
  /// It was, until the store answered that it is not to be had.
  public internal(set) var isForfeit = false

  /// Nothing is known yet.
  public init() {}

  /// Whether its store has an answer, and it is that the value is not to be had: what is kept of it on the disk is to go.
  public var isRefused: Bool { isForfeit || failure?.forfeits == true }

  /// What a fetch now would give, as far as is known.
  public var result: FetchResult? {
    if let value { .success(value) } else { failure.map { .failure($0) } }
  }
}

/// One reference with those who want it. Changed in place: ten thousand of them are not copied for one.
@DaemonActor
final class TrackedReference {
  let reference: Reference
  var state = ReferenceState()
  var timing: RefreshTiming?
  var isFetching = false
  /// Asked for again while it was being fetched.
  var isWantedAgain = false
  /// When a person last asked for it.
  var lastForced: Moment?
  /// Nobody wants it any more; what is under way for it comes to nothing.
  var isDropped = false
  private var wants: [(owner: String, interval: Duration?, fields: Set<String>)] = []
  /// What the state's value is, while it is one of an earlier life of the process, and since when.
  private var restored: (value: RestoredValue, at: Moment)?

  init(_ reference: Reference) {
    self.reference = reference
  }

  var owners: some Sequence<String> { wants.lazy.map(\.owner) }
  /// What they take of its value.
  var fields: some Sequence<String> { wants.lazy.flatMap(\.fields) }
  /// Bytes of its value.
  var weight: Int { state.value?.weight ?? 0 }
  var isOwned: Bool { !wants.isEmpty }

  /// The shortest interval that an owner asks for.
  var interval: Duration? { wants.compactMap(\.interval).min() }

  /// - Returns: whether the shortest interval is another one now.
  func own(_ owner: String, every interval: Duration?, taking fields: Set<String> = []) -> Bool {
    let before = self.interval
    disown(owner)
    wants.append((owner, interval, fields))
    return self.interval != before
  }

  func disown(_ owner: String) {
    wants.removeAll { $0.owner == owner }
  }

  /// How much earlier than its time a fetch may join another one. Failing references keep to their own backoff.
  var slack: Duration { state.failure == nil ? timing?.slack ?? .zero : .zero }

  /// When to fetch after a success at `now`. `served` is the time on the grid that the fetch stood for; one that the present grid
  /// would not have let it join belongs to a longer interval, which was in force when the fetch began.
  func dueAfterSuccess(at now: Moment, served: Moment?) -> Moment? {
    var due: Moment?
    if !reference.isPinned, let timing {
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

  /// Takes what an earlier life of the process fetched, unless it has ended since.
  func restore(_ restored: RestoredValue, at now: Moment, unixTime: Int64) {
    guard let secret = restored.secret(at: now, unixTime: unixTime) else {
      return
    }
    state.value = secret
    state.lastSuccess = secret.fetchedAt
    state.lastSuccessUnix = restored.fetchedAtUnix
    state.isRestored = true
    self.restored = (restored, now)
  }

  /// Tells the age of a value of an earlier life of the process anew: a node may boot with its clock at zero, and hear the time later.
  func judgeAge(at now: Moment, unixTime: Int64) {
    guard state.isRestored, let value = state.value, let (restored, since) = restored else {
      return
    }
    let seen = min(restored.seen(at: now, unixTime), since)
    let expiry = restored.expiry(at: now, unixTime).map { end in
      min(end, restored.expiry(at: since, restored.fetchedAtUnix) ?? end)
    }
    state.value = value.aged(expiry: expiry, fetchedAt: seen)
    state.lastSuccess = seen
  }

  /// Takes a fetch's result in.
  ///
  /// - Returns: whether the owners have something to learn.
  func note(_ result: FetchResult, served due: Moment, at now: Moment, unixTime: Int64, random: Double) -> Bool {
    isFetching = false
    switch result {
    case .success(let secret):
      let isNews = state.value.map { !$0.holdsTheSame(as: secret) } ?? true
      let hadFailed = state.failure != nil
      state.value = secret
      state.lastSuccess = now
      state.lastSuccessUnix = unixTime
      state.failure = nil
      state.isRestored = false
      restored = nil
      state.isForfeit = false
      state.failuresInARow = 0
      state.due = dueAfterSuccess(at: now, served: due)
      state.expected = state.due
      return isNews || hadFailed
    case .failure(let failure):
      let isFirst = state.failure == nil
      state.failure = failure
      state.failuresInARow += 1
      let pause = RefreshReaction.pause(
        after: failure, failures: state.failuresInARow, interval: state.interval ?? .seconds(3600), random: random)
      state.due = now.advanced(by: pause)
      if state.isRestored, failure.forfeits {
        state.value = nil
        state.isRestored = false
        restored = nil
        state.isForfeit = true
        return true
      }
      return isFirst
    }
  }
}
