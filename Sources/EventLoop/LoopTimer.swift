import Synchronization

/// One sleeping task. It is resumed exactly once: `true` when its time has come, `false` when it was cancelled, whichever is first,
/// and also where the cancellation comes before the sleep began.
final class LoopTimer: Sendable {
  private struct State {
    var continuation: CheckedContinuation<Bool, Never>?
    var isOver = false
  }

  private let state = Mutex(State())

  func arm(_ continuation: CheckedContinuation<Bool, Never>) {
    let isOver = state.withLock { state in
      if !state.isOver {
        state.continuation = continuation
      }
      return state.isOver
    }
    if isOver {
      continuation.resume(returning: false)
    }
  }

  func finish(_ woken: Bool) {
    let continuation = state.withLock { state in
      defer { state.continuation = nil }
      state.isOver = true
      return state.continuation
    }
    continuation?.resume(returning: woken)
  }

  var isOver: Bool { state.withLock { $0.isOver } }
}

/// Timers by due time: a binary heap. A cancelled timer is dropped when it comes to the top, or when half of the heap is such.
struct TimerHeap {
  private struct Entry {
    let due: Moment
    let timer: LoopTimer
  }

  private var entries: [Entry] = []
  private var cancelled = 0

  var nextDue: Moment? { entries.first?.due }

  mutating func insert(_ timer: LoopTimer, due: Moment) {
    entries.append(Entry(due: due, timer: timer))
    siftUp(from: entries.count - 1)
  }

  mutating func noteCancelled() {
    cancelled += 1
    if cancelled > 64, cancelled > entries.count / 2 {
      let live = entries.filter { !$0.timer.isOver }
      entries = []
      cancelled = 0
      for entry in live {
        insert(entry.timer, due: entry.due)
      }
    }
  }

  mutating func popDue(_ now: Moment) -> LoopTimer? {
    guard let first = entries.first, first.due <= now || first.timer.isOver else {
      return nil
    }
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    siftDown()
    return first.timer
  }

  private mutating func siftUp(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].due < entries[parent].due else {
        return
      }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < entries.count else {
        return
      }
      let right = left + 1
      let least = right < entries.count && entries[right].due < entries[left].due ? right : left
      guard entries[least].due < entries[parent].due else {
        return
      }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
