import SecretBytes

extension JSONScanner {
  /// The string that starts at `offset`, escapes and UTF-8 checked, nothing decoded.
  mutating func scanString() throws(JSONFault) {
    let start = offset
    var kind = JSONWord.Kind.string
    offset += 1
    while true {
      skipPlainText()
      guard offset < bytes.count else {
        throw unexpected(.closingQuote)
      }
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        offset += 1
        words.append(JSONWord(kind, start, offset))
        return
      case UInt8(ascii: "\\"):
        let isWhole = try scanEscape()
        kind = isWhole && kind != .brokenString ? .escapedString : .brokenString
      case ..<0x20:
        throw fault(.controlCharacter, at: offset)
      case 0x80...:
        guard let length = UTF8Check.sequenceLength(bytes, at: offset) else {
          throw fault(.invalidUTF8, at: offset)
        }
        offset += length
      default:
        offset += 1
      }
    }
  }

  /// Steps over printable ASCII without quotes and backslashes, eight bytes at a time.
  @inline(__always)
  private mutating func skipPlainText() {
    let high: UInt64 = 0x8080_8080_8080_8080
    let ones: UInt64 = 0x0101_0101_0101_0101
    while bytes.count - offset >= 8 {
      let eight = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let quote = eight ^ (ones &* 0x22)
      let backslash = eight ^ (ones &* 0x5c)
      // The high bit of the lowest special byte is set; a borrow can set false ones only above it.
      let special =
        (eight | ((eight &- ones &* 0x20) & ~eight) | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash))
        & high
      if special != 0 {
        offset += special.trailingZeroBitCount / 8
        return
      }
      offset += 8
    }
  }

  /// False where it is half of a surrogate pair, and the limits let that pass.
  private mutating func scanEscape() throws(JSONFault) -> Bool {
    let start = offset
    guard offset + 1 < bytes.count else {
      throw fault(.endsBefore(.closingQuote), at: bytes.count)
    }
    switch bytes[offset + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      offset += 2
    case UInt8(ascii: "u"):
      let unit = try scanCodeUnit()
      guard try isWhole(unit) else {
        guard limits.allowsLoneSurrogates else {
          throw fault(.loneSurrogate, at: start)
        }
        // What follows is looked at anew: it may begin a pair of its own.
        offset = start + 6
        return false
      }
    default:
      throw fault(.invalidEscape, at: start)
    }
    return true
  }

  /// True where the code unit that was just read says a character, alone or with the escape behind it, which is read too.
  private mutating func isWhole(_ unit: UInt32) throws(JSONFault) -> Bool {
    switch unit {
    case 0xdc00...0xdfff:
      return false
    case 0xd800...0xdbff:
      guard offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u") else {
        return false
      }
      guard case 0xdc00...0xdfff = try scanCodeUnit() else {
        return false
      }
      return true
    default:
      return true
    }
  }

  /// `\uXXXX` at `offset`.
  private mutating func scanCodeUnit() throws(JSONFault) -> UInt32 {
    offset += 2
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard offset < bytes.count, let digit = JSONEscapes.hexadecimal(bytes[offset]) else {
        throw unexpected(.hexadecimalDigit)
      }
      unit = unit << 4 | digit
      offset += 1
    }
    return unit
  }

  /// RFC 8259 §6. Only the form is checked: `1e400` is a number, whatever a double makes of it.
  mutating func scanNumber() throws(JSONFault) {
    let start = offset
    if bytes[offset] == UInt8(ascii: "-") {
      offset += 1
    }
    let integer = offset
    try scanDigits()
    if bytes[integer] == UInt8(ascii: "0"), offset - integer > 1 {
      throw fault(.leadingZero, at: integer)
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      offset += 1
      try scanDigits()
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
        offset += 1
      }
      try scanDigits()
    }
    words.append(JSONWord(.number, start, offset))
  }

  private mutating func scanDigits() throws(JSONFault) {
    let start = offset
    while offset < bytes.count, case UInt8(ascii: "0")...UInt8(ascii: "9") = bytes[offset] {
      offset += 1
    }
    if offset == start {
      throw unexpected(.digit)
    }
  }

  mutating func scanLiteral(_ text: StaticString, _ kind: JSONWord.Kind) throws(JSONFault) {
    let length = text.utf8CodeUnitCount
    for index in 0..<length {
      guard offset + index < bytes.count else {
        throw fault(.endsBefore(.value), at: bytes.count)
      }
      if bytes[offset + index] != text.utf8Start[index] {
        throw fault(.expected(.value), at: offset)
      }
    }
    words.append(JSONWord(kind, offset, offset + length))
    offset += length
  }
}
