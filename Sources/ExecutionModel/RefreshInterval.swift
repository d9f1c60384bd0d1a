/// A span of time as documents write it: Go's duration syntax (`90s`, `1h30m`, `1.5h`, `500ms`; https://pkg.go.dev/time#ParseDuration)
/// or an integer of nanoseconds. Never negative.
public struct RefreshInterval: Sendable, Hashable, CustomStringConvertible {
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

  public init(parsing text: String) throws(ParseFault) {
    var rest = Array(text.utf8)[...]
    if rest.first == UInt8(ascii: "-") {
      throw .negative
    }
    if rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
    guard !rest.isEmpty else {
      throw .empty
    }
    if rest.elementsEqual("0".utf8) {
      self.init(nanoseconds: 0)
      return
    }
    var total: Int64 = 0
    while !rest.isEmpty {
      let part = try Self.nextPart(&rest)
      let (sum, overflow) = total.addingReportingOverflow(part)
      guard !overflow else {
        throw .tooLong
      }
      total = sum
    }
    self.init(nanoseconds: total)
  }

  /// One number with its unit, in nanoseconds.
  private static func nextPart(_ rest: inout ArraySlice<UInt8>) throws(ParseFault) -> Int64 {
    let whole = rest.prefix { isDigit($0) }
    rest = rest.dropFirst(whole.count)
    var fraction = ArraySlice<UInt8>()
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = rest.prefix { isDigit($0) }
      rest = rest.dropFirst(fraction.count)
    }
    guard !whole.isEmpty || !fraction.isEmpty else {
      throw .malformed
    }
    let letters = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
    rest = rest.dropFirst(letters.count)
    guard let unit = units[String(decoding: letters, as: UTF8.self)] else {
      throw .malformed
    }
    var value: Int64 = 0
    for digit in whole {
      let (scaled, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, more) = scaled.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
      guard !over, !more else {
        throw .tooLong
      }
      value = sum
    }
    let (scaled, overflow) = value.multipliedReportingOverflow(by: unit)
    // Digits below a nanosecond are dropped, as Go does.
    var step = unit
    var part: Int64 = 0
    for digit in fraction {
      step /= 10
      part += Int64(digit - UInt8(ascii: "0")) * step
    }
    let (sum, more) = scaled.addingReportingOverflow(part)
    guard !overflow, !more else {
      throw .tooLong
    }
    return sum
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static let units: [String: Int64] = [
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
