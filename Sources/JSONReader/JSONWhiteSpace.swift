import SecretBytes

enum JSONWhiteSpace {
  /// Appends a validated document to `compact` without the white space between its tokens.
  static func strip(_ text: UnsafeRawBufferPointer, into compact: inout SecretBuffer) {
    var index = 0
    var run = 0
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\""):
        index = endOfString(text, from: index)
      case 0x20, 0x0a, 0x0d, 0x09:
        compact.append(UnsafeRawBufferPointer(rebasing: text[run..<index]))
        index += 1
        run = index
      default:
        index += 1
      }
    }
    compact.append(UnsafeRawBufferPointer(rebasing: text[run..<index]))
  }

  private static func endOfString(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start + 1
    while index < text.count, text[index] != UInt8(ascii: "\"") {
      index += text[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return min(index + 1, text.count)
  }
}
