import Synchronization

/// A value that a closure leaves behind.
final class Kept<Value: Sendable>: Sendable {
  private let held: Mutex<[Value]>

  init() { held = Mutex([]) }

  func set(_ value: Value) { held.withLock { $0 = [value] } }
  var last: Value? { held.withLock { $0.last } }
}
