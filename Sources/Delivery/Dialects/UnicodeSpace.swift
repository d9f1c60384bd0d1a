import SecretBytes

/// What the readers of env files take for white space, in UTF-8. They differ by a few characters.
enum UnicodeSpace {
  enum Reader {
    /// `str.isspace()` and `\s` of `re`: also the separators U+001C…U+001F.
    case python
    /// `\s` and `trim()` of ECMAScript: also the byte order mark, not U+0085.
    case javascript
    /// `unicode.IsSpace`.
    case go
  }

  /// Length in bytes of the white space character at `place`, or 0 where there is none.
  static func length(_ bytes: UnsafeRawBufferPointer, at place: Int, _ reader: Reader) -> Int {
    let cursor = ByteCursor(bytes)
    guard let first = cursor.at(place) else {
      return 0
    }
    switch (first, cursor.at(place + 1), cursor.at(place + 2)) {
    case (0x09...0x0d, _, _), (0x20, _, _): return 1
    case (0x1c...0x1f, _, _): return reader == .python ? 1 : 0
    case (0xc2, 0x85, _): return reader == .javascript ? 0 : 2
    case (0xc2, 0xa0, _): return 2
    case (0xe1, 0x9a, 0x80), (0xe2, 0x80, .some(0x80...0x8a)), (0xe2, 0x80, .some(0xa8...0xa9)), (0xe2, 0x80, 0xaf),
      (0xe2, 0x81, 0x9f), (0xe3, 0x80, 0x80):
      return 3
    case (0xef, 0xbb, 0xbf): return reader == .javascript ? 3 : 0
    default: return 0
    }
  }

  /// True where the first or the last character is white space to one of the readers.
  static func standsAtEnd(of bytes: UnsafeRawBufferPointer) -> Bool {
    let starts = [Reader.python, .javascript].contains { length(bytes, at: 0, $0) > 0 }
    let ends = (1...3).contains { size in
      [Reader.python, .javascript].contains { length(bytes, at: bytes.count - size, $0) == size }
    }
    return starts || ends
  }

  /// True where U+2028 or U+2029 stands at `place`, which only some readers take for the end of a line.
  static func isLineSeparator(_ bytes: UnsafeRawBufferPointer, at place: Int) -> Bool {
    let cursor = ByteCursor(bytes)
    return switch (cursor.at(place), cursor.at(place + 1), cursor.at(place + 2)) {
    case (0xe2, 0x80, .some(0xa8...0xa9)): true
    default: false
    }
  }
}
