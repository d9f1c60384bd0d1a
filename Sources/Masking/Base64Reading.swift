/// A text read as base64, of either alphabet (RFC 4648 §4, §5), over line breaks and the indentation behind them.
///
/// Base64 takes four letters at a time, and nobody says where in a text the first of four stands: each of the four places is read, so
/// that a value is found wherever it stands within what was encoded.
struct Base64Reading {
  private struct Phase {
    var matcher: ValueMatcher
    /// The bits that are not a byte yet, and how many: 0, 2, 4 or 6.
    var bits: UInt32 = 0
    var count = 0
    /// Where the letter stands that the first of them is of.
    var start = 0

    mutating func take(_ letter: UInt32, at place: Int, _ found: inout [Range<Int>]) {
      guard count > 0 else {
        (bits, count, start) = (letter, 6, place)
        return
      }
      bits = bits << 6 | letter
      count -= 2
      matcher.take(UInt8(truncatingIfNeeded: bits >> UInt32(count)), from: start, to: place + 1, &found)
      bits &= (1 << UInt32(count)) - 1
      start = place
    }

    mutating func reset() {
      matcher.reset()
      count = 0
    }

    var firstFragment: Int? {
      matcher.firstFragment(
        then: count > 0 ? UInt8(truncatingIfNeeded: bits << UInt32(8 - count)) : 0, bits: count, from: start)
    }
  }

  private var phases: [Phase]
  /// Letters of the run, as far as there are phases that have not begun.
  private var letters = 0
  private var isAtLineStart = false
  /// The last value that was found.
  private var last: Range<Int>?

  init(_ values: MaskedValues) {
    phases = [Phase](repeating: Phase(matcher: ValueMatcher(values)), count: 4)
  }

  mutating func take(_ byte: UInt8, at place: Int, _ found: inout [Range<Int>]) {
    let letter = Self.letters[Int(byte)]
    if letter < 64 {
      isAtLineStart = false
      let before = found.count
      for phase in 0...min(letters, 3) {
        phases[phase].take(UInt32(letter), at: place, &found)
      }
      if found.count > before {
        last = found.last
      }
      if letters < 4 {
        letters += 1
      }
      return
    }
    if byte == UInt8(ascii: "="), let last, last.upperBound == place {
      // Padding says how long the value is.
      self.last = last.lowerBound..<place + 1
      found.append(last.lowerBound..<place + 1)
    }
    if byte == 0x0a || byte == 0x0d {
      isAtLineStart = true
    } else if !(isAtLineStart && (byte == 0x20 || byte == 0x09)), letters > 0 {
      letters = 0
      for phase in phases.indices {
        phases[phase].reset()
      }
    }
  }

  var firstBeginning: Int? { phases.compactMap { $0.matcher.firstBeginning }.min() }
  var firstFragment: Int? { letters == 0 ? nil : phases.prefix(letters).compactMap(\.firstFragment).min() }

  /// What each byte counts as a letter; 255: it is none.
  private static let letters: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, letter) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8.enumerated() {
      values[Int(letter)] = UInt8(value)
    }
    for (letters, value) in [("+-", UInt8(62)), ("/_", 63)] {
      for letter in letters.utf8 {
        values[Int(letter)] = value
      }
    }
    return values
  }()
}
