import DequeModule
import EventLoop
import ExecutionModel
import ProviderKit

/// A reference that is being fetched, and the time that the fetch stands for.
struct Taken: Sendable {
  let reference: Reference
  let due: Moment
}

/// References of one connection that became due together.
@DaemonActor
final class FetchBatch {
  private let taken: [Taken]
  private var begun = 0
  private var ended = 0
  private(set) var results: [(reference: Reference, result: FetchResult)] = []

  init(_ taken: [Taken]) {
    self.taken = taken
  }

  var hasBegun: Bool { begun == taken.count }
  var hasEnded: Bool { ended == taken.count }

  /// The references of the next call: `size` of them, or what is left.
  func begin(_ size: Int) -> ArraySlice<Taken> {
    defer { begun = min(begun + size, taken.count) }
    return taken[begun..<min(begun + size, taken.count)]
  }

  /// A call is over; without results where nobody wanted them any more.
  func end(_ call: ArraySlice<Taken>, _ results: [FetchResult]) {
    ended += call.count
    self.results += zip(call, results).map { ($0.reference, $1) }
  }
}

/// The calls of one connection that wait to be made. Batches take turns, so that a large one holds no small one back.
@DaemonActor
struct FetchQueue {
  struct Call: Sendable {
    let batch: FetchBatch
    let taken: ArraySlice<Taken>
  }

  /// Calls under way at once; how many of them are on the wire is the connection's own limit. A call that waits for the wire takes ten
  /// times the memory of one that waits here.
  private static let limit = 64

  /// How many references the store takes in one call.
  private let size: Int
  private var batches: Deque<FetchBatch> = []
  private var underWay = 0

  init(size: Int) {
    self.size = max(size, 1)
  }

  mutating func add(_ batch: FetchBatch) {
    batches.append(batch)
  }

  /// A call to make now, beside those under way; it is followed by ``next()``.
  mutating func begin() -> Call? {
    guard underWay < Self.limit, let call = pop() else {
      return nil
    }
    underWay += 1
    return call
  }

  /// The call to make in the place of one that is over; `nil`: the place is free.
  mutating func next() -> Call? {
    let call = pop()
    if call == nil {
      underWay -= 1
    }
    return call
  }

  private mutating func pop() -> Call? {
    guard let batch = batches.popFirst() else {
      return nil
    }
    let call = Call(batch: batch, taken: batch.begin(size))
    if !batch.hasBegun {
      batches.append(batch)
    }
    return call
  }
}
