/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Reads in place, copies nothing.
public enum UTF8Check {
  public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    firstInvalid(bytes) == nil
  }

  /// Offset of the first byte that is not part of a well-formed sequence.
  public static func firstInvalid(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var index = 0
    while index < bytes.count {
      if bytes[index] < 0x80 {
        index += 1
        continue
      }
      guard let length = sequenceLength(bytes, at: index) else {
        return index
      }
      index += length
    }
    return nil
  }

  /// Length of the well-formed multi-byte sequence that starts at `index` (2 to 4), or `nil`.
  public static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int? {
    let lead = bytes[index]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xbf
    switch lead {
    case 0xc2...0xdf: length = 2
    case 0xe0: (length, second) = (3, 0xa0...0xbf)
    case 0xe1...0xec, 0xee...0xef: length = 3
    case 0xed: (length, second) = (3, 0x80...0x9f)
    case 0xf0: (length, second) = (4, 0x90...0xbf)
    case 0xf1...0xf3: length = 4
    case 0xf4: (length, second) = (4, 0x80...0x8f)
    default: return nil
    }
    guard bytes.count - index >= length, second.contains(bytes[index + 1]) else {
      return nil
    }
    for follower in 2..<max(length, 2) where bytes[index + follower] & 0xc0 != 0x80 {
      return nil
    }
    return length
  }
}
