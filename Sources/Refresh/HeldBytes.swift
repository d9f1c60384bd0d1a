import EventLoop

/// What all values weigh that the scheduler holds, against the policy's bound.
@DaemonActor
final class HeldBytes {
  var limit: Int
  private var count = 0

  init(limit: Int) {
    self.limit = limit
  }

  /// - Returns: false where it would be too much; then nothing changed. Less than before never is.
  func replace(_ old: Int, by new: Int) -> Bool {
    guard new <= old || new - old <= limit - count else {
      return false
    }
    count += new - old
    return true
  }
}
