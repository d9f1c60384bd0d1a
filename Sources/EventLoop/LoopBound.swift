import Glibc
import Synchronization

/// The thread inside ``EventLoop/run(_:)``, if any.
final class LoopThread: Sendable {
  private let running = Atomic<UInt>(0)

  /// - Returns: false where a thread is inside already.
  func enter() -> Bool {
    running.compareExchange(expected: 0, desired: pthread_self(), ordering: .acquiringAndReleasing).exchanged
  }

  func leave() { running.store(0, ordering: .releasing) }

  var isCurrent: Bool { running.load(ordering: .acquiring) == pthread_self() }
  /// Whether another thread is inside.
  var isAnother: Bool {
    let thread = running.load(ordering: .acquiring)
    return thread != 0 && thread != pthread_self()
  }
}

/// An object that belongs to the loop's thread. It may be passed on anywhere; used elsewhere it ends the process, in place of a race.
// Unchecked, since the compiler does not know threads: `value` checks them at each use, and nothing else gives the object out.
package final class LoopBound<Value: AnyObject>: @unchecked Sendable {
  private let object: Value
  private let thread: LoopThread

  package convenience init(_ object: Value, on loop: EventLoop) {
    self.init(object, on: loop.thread)
  }

  init(_ object: Value, on thread: LoopThread) {
    self.object = object
    self.thread = thread
  }

  package var value: Value {
    precondition(thread.isCurrent, "used outside of its event loop")
    return object
  }
}
