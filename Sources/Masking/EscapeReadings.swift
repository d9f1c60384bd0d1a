/// A text read with its percent-encoding undone (RFC 3986 §2.1), so that it does not matter which bytes somebody encoded, and how.
struct PercentReading {
  private var matcher: ValueMatcher
  /// Whether `+` is a space, as in forms.
  private let isForm: Bool
  /// What of an escape is there, and where it begins.
  private var escape: (start: Int, high: UInt8?)?

  init(_ values: MaskedValues, isForm: Bool) {
    matcher = ValueMatcher(values)
    self.isForm = isForm
  }

  mutating func take(_ byte: UInt8, at place: Int, _ found: inout [Range<Int>], isBreak: Bool = false) {
    guard let escape else {
      return takePlain(byte, at: place, &found, isBreak: isBreak)
    }
    guard !isBreak else {
      // A line that ends within an escape.
      return
    }
    if let digit = byte.hexadecimal {
      guard let high = escape.high else {
        self.escape = (escape.start, byte)
        return
      }
      self.escape = nil
      return matcher.take((high.hexadecimal ?? 0) << 4 | digit, from: escape.start, to: place + 1, &found)
    }
    // It was none.
    self.escape = nil
    matcher.take(UInt8(ascii: "%"), from: escape.start, to: escape.start + 1, &found)
    if let high = escape.high {
      matcher.take(high, from: escape.start + 1, to: escape.start + 2, &found)
    }
    takePlain(byte, at: place, &found)
  }

  private mutating func takePlain(
    _ byte: UInt8, at place: Int, _ found: inout [Range<Int>], isBreak: Bool = false
  ) {
    if byte == UInt8(ascii: "%") {
      escape = (place, nil)
    } else {
      let isSpace = isForm && byte == UInt8(ascii: "+")
      matcher.take(isSpace ? 0x20 : byte, from: place, to: place + 1, &found, isBreak: isBreak)
    }
  }

  var firstBeginning: Int? { matcher.firstBeginning }
  var firstFragment: Int? { matcher.firstFragment() ?? escape?.start }
}

/// A text read with the escapes of JSON's strings undone (RFC 8259 §7).
struct JSONReading {
  private var matcher: ValueMatcher
  /// The bytes of an escape that is not whole, at most two of `\uXXXX`.
  private var escape: [UInt8] = []
  /// Where each of them stands.
  private var places: [Int] = []

  init(_ values: MaskedValues) {
    matcher = ValueMatcher(values)
    escape.reserveCapacity(12)
    places.reserveCapacity(12)
  }

  mutating func take(_ byte: UInt8, at place: Int, _ found: inout [Range<Int>], isBreak: Bool = false) {
    if escape.isEmpty, byte != UInt8(ascii: "\\") {
      return matcher.take(byte, from: place, to: place + 1, &found, isBreak: isBreak)
    }
    guard !isBreak else {
      // A line that ends within an escape.
      return
    }
    escape.append(byte)
    places.append(place)
    switch Self.meaning(escape[...]) {
    case .open:
      break
    case .scalar(let scalar):
      for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
        matcher.take(byte, from: places[0], to: place + 1, &found)
      }
      escape.removeAll(keepingCapacity: true)
      places.removeAll(keepingCapacity: true)
    case .none:
      // Its first byte is itself; what follows is read anew.
      let rest = Array(zip(escape, places))
      escape.removeAll(keepingCapacity: true)
      places.removeAll(keepingCapacity: true)
      matcher.take(rest[0].0, from: rest[0].1, to: rest[0].1 + 1, &found)
      for (byte, place) in rest.dropFirst() {
        take(byte, at: place, &found)
      }
    }
  }

  private enum Meaning {
    case open
    case scalar(Unicode.Scalar)
    case none
  }

  private static func meaning(_ escape: ArraySlice<UInt8>) -> Meaning {
    guard escape.count > 1 else {
      return .open
    }
    switch escape[1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return .scalar(Unicode.Scalar(escape[1]))
    case UInt8(ascii: "b"): return .scalar("\u{8}")
    case UInt8(ascii: "f"): return .scalar("\u{c}")
    case UInt8(ascii: "n"): return .scalar("\n")
    case UInt8(ascii: "r"): return .scalar("\r")
    case UInt8(ascii: "t"): return .scalar("\t")
    case UInt8(ascii: "u"): return unicode(escape)
    default: return .none
    }
  }

  private static func unicode(_ escape: ArraySlice<UInt8>) -> Meaning {
    guard let first = unit(escape.dropFirst(2)) else {
      return .none
    }
    guard escape.count >= 6 else {
      return .open
    }
    guard (0xd800..<0xdc00).contains(first) else {
      return Unicode.Scalar(first).map { .scalar($0) } ?? .none
    }
    let second = escape.dropFirst(6)
    guard let low = unit(second.dropFirst(2)), zip(second, "\\u".utf8).allSatisfy({ $0 == $1 }) else {
      return .none
    }
    guard second.count == 6 else {
      return .open
    }
    guard (0xdc00..<0xe000).contains(low) else {
      return .none
    }
    return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (low - 0xdc00)).map { .scalar($0) } ?? .none
  }

  /// Up to four hexadecimal digits; `nil` where there is another character among them.
  private static func unit(_ digits: ArraySlice<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for digit in digits.prefix(4) {
      guard let digit = digit.hexadecimal else {
        return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  var firstBeginning: Int? { matcher.firstBeginning }
  var firstFragment: Int? { matcher.firstFragment() ?? places.first }
}

extension UInt8 {
  /// What the digit counts; `nil` where it is none.
  fileprivate var hexadecimal: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
