import SecretBytes

/// Puts text between quotes (RFC 8259 §7): escapes what must be, the short forms where there are any, all else as it is.
package enum JSONQuoting {
  package static func append(_ string: UnsafeRawBufferPointer, to text: inout SecretBuffer) {
    text.append("\"" as StaticString)
    var index = 0
    var run = 0
    while index < string.count {
      let byte = string[index]
      if byte >= 0x80, let length = UTF8Check.sequenceLength(string, at: index) {
        index += length
        continue
      }
      if byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += 1
        continue
      }
      text.append(UnsafeRawBufferPointer(rebasing: string[run..<index]))
      appendEscape(byte, to: &text)
      index += 1
      run = index
    }
    text.append(UnsafeRawBufferPointer(rebasing: string[run..<index]))
    text.append("\"" as StaticString)
  }

  private static func appendEscape(_ byte: UInt8, to text: inout SecretBuffer) {
    switch byte {
    case UInt8(ascii: "\""): text.append("\\\"" as StaticString)
    case UInt8(ascii: "\\"): text.append("\\\\" as StaticString)
    case 0x08: text.append("\\b" as StaticString)
    case 0x0c: text.append("\\f" as StaticString)
    case 0x0a: text.append("\\n" as StaticString)
    case 0x0d: text.append("\\r" as StaticString)
    case 0x09: text.append("\\t" as StaticString)
    case ..<0x20:
      text.append("\\u00" as StaticString)
      text.append(hexadecimal(byte >> 4))
      text.append(hexadecimal(byte & 15))
    default: text.append("\\ufffd" as StaticString)
    }
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
  }
}
