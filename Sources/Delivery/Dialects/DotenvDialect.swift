import SecretBytes

/// The dotenv family has no grammar of its own, only parsers. This writes what python-dotenv (interpolating), the dotenv npm
/// package and `node --env-file` read alike:
///
/// - `'…'`: literal in all, but python-dotenv takes `\\` for one backslash, and it and dotenv read on at a quote behind a backslash;
/// - `"…"`: python-dotenv undoes `\` before `\ ' " a b f n r t v`, dotenv `\n` and `\r`, node `\n` alone;
/// - plain: literal in all up to a `#`, blanks at the ends dropped.
///
/// `'…'` comes first, since other parsers of the family expand `$` in the other two. In each of the three python-dotenv expands
/// `${…}`, and nothing escapes it. A carriage return has no spelling: raw ones are a newline to two readers and nothing to node, and
/// node leaves `\r` as it is.
enum DotenvDialect: EnvironmentDialect {
  static func obstacle(to secret: DeliveredSecret) -> String? {
    secret.value.withUnsafeBytes { value in
      if value.contains(UInt8(ascii: "\r")) {
        return "node --env-file drops carriage returns, and python-dotenv and dotenv read newlines for them"
      }
      if DotenvExpansion.occurs(in: value) {
        return "python-dotenv would expand its ${…}"
      }
      return Spelling(of: value) == nil ? DotenvMisreadings(of: value).told : nil
    }
  }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    assignments(secrets) { append($0, to: &$1) }
  }

  /// What the three readers make of it; where they differ, that is a fault.
  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    let normalized = DotenvLines.withUnixLineEnds(text)
    let python = try normalized.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      try PythonDotenvReader.read(bytes)
    }
    let node = try normalized.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      try NodeDotenvReader.read(bytes)
    }
    try compare(python, node, "dotenv")
    try compare(python, try NodeEnvFileReader.read(text), "node --env-file")
    return python
  }

  private static func compare(
    _ python: [DeliveredSecret], _ other: [DeliveredSecret], _ reader: String
  ) throws(DeliveryFault) {
    guard python != other else {
      return
    }
    let name = zip(python, other).first { $0 != $1 }.map { ", first at \($0.0.name)" } ?? ""
    throw DeliveryFault(
      .line(1), "python-dotenv and \(reader) read different variables\(name)", remedy: "write the file anew")
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
      text.append(value)
      text.append(UInt8(ascii: "\""))
    }
  }
}

extension DotenvDialect {
  /// How a value without carriage returns is written, or `nil` where no way serves all readers.
  enum Spelling {
    case singleQuoted
    case doubleQuoted
    case plain

    init?(of value: UnsafeRawBufferPointer) {
      let misreadings = DotenvMisreadings(of: value)
      if misreadings.singleQuoted == nil {
        self = .singleQuoted
      } else if misreadings.doubleQuoted == nil, !value.contains(UInt8(ascii: "\\")), !value.contains(UInt8(ascii: "$"))
      {
        self = .doubleQuoted
      } else if misreadings.plain == nil {
        self = .plain
      } else if misreadings.doubleQuoted == nil {
        self = .doubleQuoted
      } else {
        return nil
      }
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
  /// python-dotenv and dotenv turn `\r\n` and `\r` into `\n` before they parse: Python by its text mode, dotenv by hand.
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
