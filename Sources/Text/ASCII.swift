/// Classes of ASCII characters, by byte. What is not ASCII is in none of them.
extension UInt8 {
  public var isDigit: Bool { (0x30...0x39).contains(self) }

  public var isLetter: Bool { (0x41...0x5a).contains(self) || (0x61...0x7a).contains(self) }

  public var isAlphanumeric: Bool { isDigit || isLetter }

  public var isHexadecimal: Bool { hexadecimalValue != nil }

  /// What a hexadecimal digit stands for, 0 to 15.
  public var hexadecimalValue: UInt8? {
    switch self {
    case 0x30...0x39: self - 0x30
    case 0x41...0x46: self - 0x41 + 10
    case 0x61...0x66: self - 0x61 + 10
    default: nil
    }
  }

  /// Letters, digits, `-`, `.`, `_`, `~` (RFC 3986 §2.3).
  public var isUnreserved: Bool {
    isAlphanumeric || self == UInt8(ascii: "-") || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
      || self == UInt8(ascii: "~")
  }

  public var isControl: Bool { self < 0x20 || self == 0x7f }
}
