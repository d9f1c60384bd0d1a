extension SecretBytes {
  /// Without white space at either end, and without a copy: credential files and variables often end in a line break.
  public var trimmed: SecretBytes {
    let range = withUnsafeBytes { bytes -> Range<Int> in
      func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
      let start = bytes.firstIndex { !isSpace($0) } ?? bytes.count
      let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
      return start..<end
    }
    return slice(range)
  }
}
