import EventLoop
import ExecutionModel
import ProviderKit

/// When one reference is fetched: a fixed grid of moments one interval apart.
///
/// The grid's phase is a hash of node, connection and reference, so that a fleet of equal nodes spreads over the interval, and
/// stays the same over restarts, so that what was fetched together is fetched together again.
public struct RefreshTiming: Sendable, Equatable {
  /// Nanoseconds between two fetches, at least a millisecond.
  public let interval: Int64
  /// Nanoseconds from 0 up to the interval.
  public let phase: Int64

  /// - Parameter seed: what tells this node's reference from others; anything stable.
  public init(interval: Duration, seed: String) {
    let length = max(interval.saturatingNanoseconds, 1_000_000)
    self.interval = length
    self.phase = Int64(Self.hash(seed) % UInt64(length))
  }

  /// The first moment of the grid after `moment`.
  public func next(after moment: Moment) -> Moment {
    let (shifted, overflow) = moment.nanoseconds.subtractingReportingOverflow(phase)
    guard !overflow else {
      return moment.advanced(by: .nanoseconds(interval))
    }
    let steps = shifted >= 0 ? shifted / interval : (shifted + 1) / interval - 1
    let (start, tooFar) = steps.multipliedReportingOverflow(by: interval)
    guard !tooFar else {
      return moment.advanced(by: .nanoseconds(interval))
    }
    return Moment(nanoseconds: start).advanced(by: .nanoseconds(phase)).advanced(by: .nanoseconds(interval))
  }

  /// How much earlier than its time a fetch may join another one of its connection: a tenth of the interval.
  public var slack: Duration { .nanoseconds(interval / 10) }

  /// FNV-1a, finished by a multiply-and-shift round so that near seeds fall far apart. It needs no secrecy, only spread.
  private static func hash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
    return hash ^ (hash >> 33)
  }
}
