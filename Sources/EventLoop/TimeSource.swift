import Glibc

/// A point of monotonic time that counts suspend (CLOCK_BOOTTIME).
public struct Moment: Comparable, Hashable, Sendable {
  /// Nanoseconds since the machine started.
  public let nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public static func < (left: Moment, right: Moment) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The point `span` later; earlier for a negative span. Saturates at the ends of time.
  public func advanced(by span: Duration) -> Moment {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(span.saturatingNanoseconds)
    return Moment(nanoseconds: overflow ? (span < .zero ? .min : .max) : sum)
  }

  /// How long from here to `other`; negative where `other` is earlier.
  public func duration(to other: Moment) -> Duration {
    let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
    return .nanoseconds(overflow ? (other < self ? .min : .max) : difference)
  }
}

extension Duration {
  /// Whole nanoseconds, clamped to 64 bits (292 years).
  public var saturatingNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else {
      return seconds < 0 ? .min : .max
    }
    let (sum, more) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    return more ? (seconds < 0 ? .min : .max) : sum
  }
}

/// Time as the agent sees it, so that a test can hold the clock.
public protocol TimeSource: Sendable {
  var now: Moment { get }
  /// Wall clock, seconds since 1970-01-01 UTC.
  var unixTime: Int64 { get }
  /// Returns when `moment` has come, or throws as soon as the task is cancelled.
  func sleep(until moment: Moment) async throws(CancellationError)
}

extension TimeSource {
  public func sleep(for span: Duration) async throws(CancellationError) {
    try await sleep(until: now.advanced(by: span))
  }
}
