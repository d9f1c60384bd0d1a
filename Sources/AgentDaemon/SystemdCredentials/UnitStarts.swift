import EventLoop
import Glibc

/// Starts of units that are loading their credentials. One process of systemd loads all of a start, one after the other, so that all of
/// them wait within one bound together, and are of one generation: a key and its certificate belong to each other.
struct UnitStarts {
  struct Key: Hashable {
    let process: pid_t
    let unit: String
  }

  struct Start {
    let began: Moment
    /// The execution's id and the generation that its first credential was of.
    var generation: DeliveredGeneration?
  }

  /// How long after its bound a start is remembered: systemd takes less from one credential to the next, and a process's number
  /// is not another's as soon.
  private static let remembered = Duration.seconds(5)
  /// More than may wait at once; the oldest is forgotten.
  private static let most = 2 * CredentialServer.mostWaiting

  private var starts: [Key: Start] = [:]

  /// The start that `key` tells of, which may begin `now`.
  mutating func start(_ key: Key, now: Moment, wait: Duration) -> Start {
    starts = starts.filter { $0.value.began.advanced(by: wait).advanced(by: Self.remembered) > now }
    if let known = starts[key] {
      return known
    }
    if starts.count >= Self.most, let oldest = starts.min(by: { $0.value.began < $1.value.began })?.key {
      starts[oldest] = nil
    }
    let start = Start(began: now)
    starts[key] = start
    return start
  }

  mutating func note(_ generation: DeliveredGeneration, of key: Key) {
    starts[key]?.generation = generation
  }
}
