import SecretBytes

/// The dotenv family has no grammar of its own, only parsers. This writes what python-dotenv (interpolating) and the dotenv npm
/// package read alike:
///
/// - `'…'`: literal in both, but python-dotenv takes `\\` for one backslash, and neither ends at a quote behind a backslash;
/// - `"…"`: python-dotenv undoes `\` before `\ ' " a b f n r t v`, dotenv only `\n` and `\r`: the one way to say a carriage return;
/// - plain: literal in both up to a `#`, blanks at the ends dropped.
///
/// `'…'` comes first, since Compose and other parsers of the family expand `$` in the other two. In each of the three python-dotenv
/// expands `${…}`, and nothing escapes it.
enum DotenvDialect: EnvironmentDialect {
  static func obstacle(to secret: DeliveredSecret) -> String? {
    secret.value.withUnsafeBytes { value in
      if DotenvExpansion.occurs(in: value) {
        return "python-dotenv would expand its ${…}"
      }
      return Spelling(of: value) == nil ? "python-dotenv and dotenv have no common way to quote it" : nil
    }
  }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    var text = SecretBuffer()
    for secret in secrets {
      text.append(secret.name)
      text.append(UInt8(ascii: "="))
      secret.value.withUnsafeBytes { append($0, to: &text) }
      text.append(UInt8(ascii: "\n"))
    }
    return text.finish()
  }

  /// What both readers make of it; where they differ, that is a fault.
  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    let normalized = DotenvLines.withUnixLineEnds(text)
    let python = try normalized.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      try PythonDotenvReader.read(bytes)
    }
    let node = try normalized.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      try NodeDotenvReader.read(bytes)
    }
    guard python == node else {
      let name = zip(python, node).first { $0 != $1 }.map { ", first at \($0.0.name)" } ?? ""
      throw DeliveryFault(
        .line(1), "python-dotenv and dotenv read different variables\(name)", remedy: "write the file anew")
    }
    return python
  }

  private static func append(_ value: UnsafeRawBufferPointer, to text: inout SecretBuffer) {
    switch Spelling(of: value) {
    case .plain, nil:
      text.append(value)
    case .singleQuoted:
      text.append(UInt8(ascii: "'"))
      text.append(value)
      text.append(UInt8(ascii: "'"))
    case .doubleQuoted:
      text.append(UInt8(ascii: "\""))
      for byte in value {
        if byte == UInt8(ascii: "\r") {
          text.append("\\r" as StaticString)
        } else {
          text.append(byte)
        }
      }
      text.append(UInt8(ascii: "\""))
    }
  }
}

extension DotenvDialect {
  /// How a value is written, or `nil` where no way serves both readers.
  enum Spelling {
    case singleQuoted
    case doubleQuoted
    case plain

    init?(of value: UnsafeRawBufferPointer) {
      let traits = Traits(of: value)
      if !traits.singleQuote, !traits.carriageReturn, !traits.doubledBackslash, !traits.backslashAtEnd {
        self = .singleQuoted
      } else if traits.fitsDoubleQuotes, !traits.backslash, !traits.dollar {
        self = .doubleQuoted
      } else if Self.isPlain(value) {
        self = .plain
      } else if traits.fitsDoubleQuotes {
        self = .doubleQuoted
      } else {
        return nil
      }
    }

    private static func isPlain(_ value: UnsafeRawBufferPointer) -> Bool {
      guard let first = value.first, !isQuote(first) else {
        return false
      }
      return !value.contains { $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        && !UnicodeSpace.standsAtEnd(of: value) && !UnicodeSpace.holdsLineSeparator(value)
    }

    private static func isQuote(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`")
    }
  }

  private struct Traits {
    var singleQuote = false
    var doubleQuote = false
    var carriageReturn = false
    var dollar = false
    var backslash = false
    var backslashAtEnd = false
    var doubledBackslash = false
    /// A backslash before what a reader of `"…"` takes for an escape, or before a carriage return, which is written as one.
    var escape = false

    var fitsDoubleQuotes: Bool { !doubleQuote && !escape && !backslashAtEnd }

    init(of value: UnsafeRawBufferPointer) {
      var previous: UInt8?
      for byte in value {
        switch byte {
        case UInt8(ascii: "'"): singleQuote = true
        case UInt8(ascii: "\""): doubleQuote = true
        case UInt8(ascii: "\r"): carriageReturn = true
        case UInt8(ascii: "$"): dollar = true
        case UInt8(ascii: "\\"): backslash = true
        default: break
        }
        if previous == UInt8(ascii: "\\") {
          doubledBackslash = doubledBackslash || byte == UInt8(ascii: "\\")
          escape = escape || byte == UInt8(ascii: "\r") || PythonDotenvReader.undoneInDoubleQuotes(byte) != nil
        }
        previous = byte
      }
      backslashAtEnd = previous == UInt8(ascii: "\\")
    }
  }
}

/// python-dotenv's interpolation: `${` up to the next `}`, where what follows the name's end is nothing or `:-`.
enum DotenvExpansion {
  static func occurs(in value: UnsafeRawBufferPointer) -> Bool {
    var cursor = ByteCursor(value)
    while let byte = cursor.next() {
      guard byte == UInt8(ascii: "$"), cursor.skip(UInt8(ascii: "{")) else {
        continue
      }
      let inside = cursor.offset
      cursor.skip { $0 != UInt8(ascii: "}") && $0 != UInt8(ascii: ":") }
      if cursor.peek() == UInt8(ascii: ":"), cursor.peek(1) == UInt8(ascii: "-") {
        cursor.skip { $0 != UInt8(ascii: "}") }
      }
      if cursor.peek() == UInt8(ascii: "}") {
        return true
      }
      cursor.offset = inside
    }
    return false
  }
}

enum DotenvLines {
  /// Both readers turn `\r\n` and `\r` into `\n` before they parse: Python by its text mode, dotenv by hand.
  static func withUnixLineEnds(_ text: SecretBytes) -> SecretBytes {
    guard text.contains(UInt8(ascii: "\r")) else {
      return text
    }
    var normalized = SecretBuffer(capacity: text.count)
    text.withUnsafeBytes { bytes in
      var cursor = ByteCursor(bytes)
      while let byte = cursor.next() {
        if byte == UInt8(ascii: "\r") {
          _ = cursor.skip(UInt8(ascii: "\n"))
          normalized.append(UInt8(ascii: "\n"))
        } else {
          normalized.append(byte)
        }
      }
    }
    return normalized.finish()
  }

  /// The places where a quoted text that begins at `start` (behind its opening quote) may end, in the order in which a regular
  /// expression of the form `(?:\\'|[^'])*'` tries them: the first quote without a backslash before it, then the others from the last.
  static func closings(_ cursor: ByteCursor, from start: Int, quote: UInt8) -> [Int] {
    var escaped: [Int] = []
    var place = start
    while let byte = cursor.at(place) {
      if byte == UInt8(ascii: "\\"), cursor.at(place + 1) == quote {
        escaped.append(place + 1)
        place += 2
      } else if byte == quote {
        return [place] + escaped.reversed()
      } else {
        place += 1
      }
    }
    return escaped.reversed()
  }
}
