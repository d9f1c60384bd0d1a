import Synchronization
import Text

/// How far AWS's clock is from the node's, learnt once a connection from an answer's `Date` header.
///
/// A node whose clock is off signs requests that AWS refuses; with the server's own date they pass. The offset is learnt only from
/// answers that refuse the time of a request, and only once, so that a server cannot steer the clock about.
public final class ClockSkew: Sendable {
  /// An offset beyond this (a year) is no clock that runs wrong, but a hostile or broken date.
  static let largest: Int64 = 366 * 86_400
  /// AWS itself takes five minutes; below this there is nothing to mend.
  static let smallest: Int64 = 60

  private let offset = Mutex<Int64?>(nil)

  public init() {}

  /// The server's time, as far as is known. `wallSeconds`: the node's clock, in seconds since 1970.
  public func now(_ wallSeconds: Int64) -> Int64 {
    let (sum, overflow) = wallSeconds.addingReportingOverflow(offset.withLock { $0 } ?? 0)
    return overflow ? wallSeconds : sum
  }

  /// Takes the server's `Date` header (RFC 9110 §6.6.1) and says whether it taught anything: `true` once at most, when the request
  /// is to be signed anew. Dates that are none, or that are no plausible clock, are ignored.
  public func learn(date: String, at wallSeconds: Int64) -> Bool {
    guard let server = CivilTime(httpText: date) else {
      return false
    }
    let (difference, overflow) = server.unixTime.subtractingReportingOverflow(wallSeconds)
    guard !overflow, difference.magnitude >= Self.smallest, difference.magnitude <= Self.largest else {
      return false
    }
    return offset.withLock { offset in
      guard offset == nil else {
        return false
      }
      offset = difference
      return true
    }
  }
}
