import SecretBytes

/// Lines of hexadecimal digits, read and written without a copy that nobody wipes.
extension SecretBytes {
  /// Without the ends of lines, LF or CR LF.
  var lines: [SecretBytes] {
    var lines: [SecretBytes] = []
    var start = 0
    let ends = withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") } }
    for end in ends + [count] {
      let isReturn = end > start && withUnsafeBytes { $0[end - 1] == UInt8(ascii: "\r") }
      lines.append(slice(start..<(isReturn ? end - 1 : end)))
      start = end + 1
    }
    return lines
  }

  /// The runs between spaces, empty ones too.
  var words: [SecretBytes] {
    var words: [SecretBytes] = []
    var start = 0
    let ends = withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == UInt8(ascii: " ") } }
    for end in ends + [count] {
      words.append(slice(start..<end))
      start = end + 1
    }
    return words
  }

  /// What pairs of digits stand for; `nil` where they are none.
  var hexadecimal: SecretBytes? {
    var buffer = SecretBuffer(capacity: count / 2)
    let isWhole = withUnsafeBytes { bytes in
      guard bytes.count % 2 == 0 else {
        return false
      }
      for place in stride(from: 0, to: bytes.count, by: 2) {
        guard let high = Character(Unicode.Scalar(bytes[place])).hexDigitValue,
          let low = Character(Unicode.Scalar(bytes[place + 1])).hexDigitValue
        else {
          return false
        }
        buffer.append(UInt8(high * 16 + low))
      }
      return true
    }
    return isWhole ? buffer.finish() : nil
  }
}

extension SecretBuffer {
  mutating func appendHexadecimal(_ bytes: SecretBytes) {
    let digits = Array("0123456789abcdef".utf8)
    bytes.withUnsafeBytes { bytes in
      for byte in bytes {
        append(digits[Int(byte >> 4)])
        append(digits[Int(byte & 15)])
      }
    }
  }
}
