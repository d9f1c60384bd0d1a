import SecretBytes

/// What a string with escapes says (RFC 8259 §7).
enum JSONEscapes {
  /// The decoded bytes of a validated string's inside. Never longer than `text`.
  static func decode(_ text: UnsafeRawBufferPointer) -> SecretBytes {
    var decoded = SecretBuffer(capacity: text.count)
    var index = 0
    while index < text.count {
      let run = index
      while index < text.count, text[index] != UInt8(ascii: "\\") {
        index += 1
      }
      decoded.append(UnsafeRawBufferPointer(rebasing: text[run..<index]))
      guard index + 1 < text.count else {
        break
      }
      let letter = text[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "b"): decoded.append(0x08)
      case UInt8(ascii: "f"): decoded.append(0x0c)
      case UInt8(ascii: "n"): decoded.append(0x0a)
      case UInt8(ascii: "r"): decoded.append(0x0d)
      case UInt8(ascii: "t"): decoded.append(0x09)
      case UInt8(ascii: "u"):
        var scalar = codeUnit(text, at: index)
        index += 4
        if case 0xd800...0xdbff = scalar {
          scalar = 0x10000 + (scalar & 0x3ff) << 10 + codeUnit(text, at: index + 2) & 0x3ff
          index += 6
        }
        append(scalar, to: &decoded)
      default: decoded.append(letter)
      }
    }
    return decoded.finish()
  }

  /// Where the first half of a surrogate pair without the other starts in a validated string's inside that has one.
  static func firstLoneSurrogate(_ text: UnsafeRawBufferPointer) -> Int {
    var index = 0
    while index + 1 < text.count {
      guard text[index] == UInt8(ascii: "\\") else {
        index += 1
        continue
      }
      guard text[index + 1] == UInt8(ascii: "u") else {
        index += 2
        continue
      }
      switch codeUnit(text, at: index + 2) {
      case 0xdc00...0xdfff: return index
      case 0xd800...0xdbff:
        let other = index + 6
        guard other + 1 < text.count, text[other] == UInt8(ascii: "\\"), text[other + 1] == UInt8(ascii: "u"),
          case 0xdc00...0xdfff = codeUnit(text, at: other + 2)
        else {
          return index
        }
        index += 12
      default: index += 6
      }
    }
    return 0
  }

  static func hexadecimal(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }

  private static func codeUnit(_ text: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
    var unit: UInt32 = 0
    for position in index..<(index + 4) {
      unit = unit << 4 | (position < text.count ? hexadecimal(text[position]) ?? 0 : 0)
    }
    return unit
  }

  private static func append(_ scalar: UInt32, to decoded: inout SecretBuffer) {
    let tail = UInt8(truncatingIfNeeded: scalar & 0x3f) | 0x80
    let middle = UInt8(truncatingIfNeeded: scalar >> 6 & 0x3f) | 0x80
    let high = UInt8(truncatingIfNeeded: scalar >> 12 & 0x3f) | 0x80
    switch scalar {
    case ..<0x80:
      decoded.append(UInt8(truncatingIfNeeded: scalar))
    case ..<0x800:
      decoded.append(UInt8(truncatingIfNeeded: scalar >> 6) | 0xc0)
      decoded.append(tail)
    case ..<0x10000:
      decoded.append(UInt8(truncatingIfNeeded: scalar >> 12) | 0xe0)
      decoded.append(middle)
      decoded.append(tail)
    default:
      decoded.append(UInt8(truncatingIfNeeded: scalar >> 18) | 0xf0)
      decoded.append(high)
      decoded.append(middle)
      decoded.append(tail)
    }
  }
}
