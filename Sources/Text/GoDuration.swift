/// A span of time as documents write it: Go's duration syntax (`90s`, `1h30m`, `1.5h`, `500ms`; https://pkg.go.dev/time#ParseDuration)
/// or an integer of nanoseconds. Never negative.
public struct GoDuration: Sendable, Hashable, Comparable, CustomStringConvertible {
  public enum ParseFault: Error, Sendable, Equatable {
    case empty
    case negative
    /// Not a number followed by one of ns, us, ms, s, m, h.
    case malformed
    /// Over 2^63 - 1 nanoseconds (292 years).
    case tooLong
  }

  public let nanoseconds: Int64

  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  public var seconds: Double { Double(nanoseconds) / 1e9 }

  public static func < (one: GoDuration, other: GoDuration) -> Bool { one.nanoseconds < other.nanoseconds }

  /// What Go's `time.ParseDuration` gives, to the nanosecond.
  public init(parsing text: String) throws(ParseFault) {
    var rest = Array(text.utf8)[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
    guard !rest.isEmpty else {
      throw .empty
    }
    if rest.elementsEqual("0".utf8) {
      self.init(nanoseconds: 0)
      return
    }
    var total: UInt64 = 0
    while !rest.isEmpty {
      let (sum, overflow) = total.addingReportingOverflow(try Self.nextPart(&rest))
      guard !overflow, sum <= Self.bound else {
        throw .tooLong
      }
      total = sum
    }
    guard !isNegative || total == 0 else {
      throw .negative
    }
    guard let nanoseconds = Int64(exactly: total) else {
      throw .tooLong
    }
    self.init(nanoseconds: nanoseconds)
  }

  /// 2^63: one more than fits, as in Go, where it can stand behind a minus sign.
  private static let bound: UInt64 = 1 << 63

  /// One number with its unit, in nanoseconds.
  private static func nextPart(_ rest: inout ArraySlice<UInt8>) throws(ParseFault) -> UInt64 {
    let whole = rest.prefix { $0.isDigit }
    rest = rest.dropFirst(whole.count)
    var fraction = ArraySlice<UInt8>()
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = rest.prefix { $0.isDigit }
      rest = rest.dropFirst(fraction.count)
    }
    guard !whole.isEmpty || !fraction.isEmpty else {
      throw .malformed
    }
    let letters = rest.prefix { !$0.isDigit && $0 != UInt8(ascii: ".") }
    rest = rest.dropFirst(letters.count)
    guard let unit = units[String(decoding: letters, as: UTF8.self)] else {
      throw .malformed
    }
    var value: UInt64 = 0
    for digit in whole {
      guard value <= bound / 10 else {
        throw .tooLong
      }
      value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
      guard value <= bound else {
        throw .tooLong
      }
    }
    guard value <= bound / unit else {
      throw .tooLong
    }
    value = value * unit + nanoseconds(of: fraction, unit)
    guard value <= bound else {
      throw .tooLong
    }
    return value
  }

  /// Digits behind the point, by the same floating-point steps as Go's, so that the last nanosecond agrees: digits beyond 63 bits are
  /// dropped, and the rest is scaled.
  private static func nanoseconds(of fraction: ArraySlice<UInt8>, _ unit: UInt64) -> UInt64 {
    var value: UInt64 = 0
    var scale = 1.0
    for digit in fraction {
      let next = value <= (bound - 1) / 10 ? value * 10 + UInt64(digit - UInt8(ascii: "0")) : bound + 1
      guard next <= bound else {
        break
      }
      value = next
      scale *= 10
    }
    return value == 0 ? 0 : UInt64(Double(value) * (Double(unit) / scale))
  }

  private static let units: [String: UInt64] = [
    "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": 1_000_000_000,
    "m": 60_000_000_000, "h": 3_600_000_000_000,
  ]

  /// `1h30m`, `90s` as `1m30s`, `500ms`; zero parts left out.
  public var description: String {
    var rest = nanoseconds
    var text = ""
    for (unit, size) in [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000)] as [(String, Int64)] {
      if rest >= size {
        text += "\(rest / size)\(unit)"
        rest %= size
      }
    }
    if rest > 0 {
      text += rest % 1_000_000 == 0 ? "\(rest / 1_000_000)ms" : "\(rest)ns"
    }
    return text.isEmpty ? "0s" : text
  }
}
