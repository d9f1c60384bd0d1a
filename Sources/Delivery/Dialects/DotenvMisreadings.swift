import SecretBytes

/// Who reads a value otherwise, by the way in which it is written; `nil` where all three read it alike.
struct DotenvMisreadings {
  let singleQuoted: String?
  let doubleQuoted: String?
  let plain: String?

  init(of value: UnsafeRawBufferPointer) {
    let traits = Traits(of: value)
    singleQuoted =
      if traits.singleQuote {
        "in '…' node --env-file ends at its quote"
      } else if traits.doubledBackslash {
        "in '…' python-dotenv takes two backslashes for one"
      } else if traits.backslashAtEnd {
        "in '…' python-dotenv and dotenv read on behind the backslash at its end"
      } else {
        nil
      }
    doubleQuoted =
      if traits.doubleQuote {
        "in \"…\" node --env-file ends at its quote"
      } else if traits.escape {
        "in \"…\" python-dotenv undoes its backslashes"
      } else if traits.backslashAtEnd {
        "in \"…\" python-dotenv and dotenv read on behind the backslash at its end"
      } else {
        nil
      }
    plain = Self.plain(value)
  }

  var told: String {
    "no way to write it is read alike: "
      + [singleQuoted, doubleQuoted, plain].compactMap { $0 }.joined(separator: ", ")
  }

  private static func plain(_ value: UnsafeRawBufferPointer) -> String? {
    guard let first = value.first else {
      return "without quotes node --env-file may take the next line"
    }
    if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") {
      return "without quotes all three take its first character for one"
    }
    if first == UInt8(ascii: "`") {
      return "without quotes dotenv and node --env-file take its backtick for one"
    }
    if value.contains(UInt8(ascii: "\n")) {
      return "without quotes all three end at its line break"
    }
    if value.contains(UInt8(ascii: "#")) {
      return "without quotes dotenv and node --env-file end at its '#'"
    }
    if UnicodeSpace.standsAtEnd(of: value) {
      return "without quotes white space at its ends is dropped"
    }
    return holdsQuotedLine(value) ? "without quotes dotenv drops those between its U+2028 or U+2029" : nil
  }

  /// dotenv drops a pair of quotes from the start of any line to the end of any later one, and U+2028 and U+2029 end lines to it.
  private static func holdsQuotedLine(_ value: UnsafeRawBufferPointer) -> Bool {
    var opened: [UInt8] = []
    for place in value.indices {
      let byte = value[place]
      guard byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`") else {
        continue
      }
      let endsLine = place + 1 == value.count || UnicodeSpace.isLineSeparator(value, at: place + 1)
      if endsLine, opened.contains(byte) {
        return true
      }
      if !opened.contains(byte), UnicodeSpace.isLineSeparator(value, at: place - 3) {
        opened.append(byte)
      }
    }
    return false
  }

  private struct Traits {
    var singleQuote = false
    var doubleQuote = false
    var backslashAtEnd = false
    var doubledBackslash = false
    /// A backslash before what a reader of `"…"` takes for an escape.
    var escape = false

    init(of value: UnsafeRawBufferPointer) {
      var previous: UInt8?
      for byte in value {
        switch byte {
        case UInt8(ascii: "'"): singleQuote = true
        case UInt8(ascii: "\""): doubleQuote = true
        default: break
        }
        if previous == UInt8(ascii: "\\") {
          doubledBackslash = doubledBackslash || byte == UInt8(ascii: "\\")
          escape = escape || PythonDotenvReader.undoneInDoubleQuotes(byte) != nil
        }
        previous = byte
      }
      backslashAtEnd = previous == UInt8(ascii: "\\")
    }
  }
}
