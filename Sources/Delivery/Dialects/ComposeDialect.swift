import SecretBytes

/// Docker Compose's `env_file:` and `.env` (compose-go, `dotenv/parser.go` and `template/template.go`).
///
/// In `'…'` all is literal but `\'`. In `"…"` `\\`, `\"` and a few letters behind `\` are undone first, then `$NAME` and `${…}` are
/// expanded, to which `$$` is a dollar sign. So `'…'` serves every value without a quote of that kind and without a backslash at the
/// end, and `"…"` all others.
enum ComposeDialect: EnvironmentDialect {
  static func obstacle(to secret: DeliveredSecret) -> String? {
    EnvironmentVariableRules.isTooLong(secret) ? "it is longer than the kernel passes to a program (128 KiB)" : nil
  }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    assignments(secrets) { append($0, to: &$1) }
  }

  private static func append(_ value: UnsafeRawBufferPointer, to text: inout SecretBuffer) {
    guard value.contains(UInt8(ascii: "'")) || value.last == UInt8(ascii: "\\") else {
      text.append(UInt8(ascii: "'"))
      text.append(value)
      text.append(UInt8(ascii: "'"))
      return
    }
    text.append(UInt8(ascii: "\""))
    for byte in value {
      switch byte {
      case UInt8(ascii: "\\"), UInt8(ascii: "\""): text.append(UInt8(ascii: "\\"))
      case UInt8(ascii: "$"): text.append(UInt8(ascii: "$"))
      default: break
      }
      text.append(byte)
    }
    text.append(UInt8(ascii: "\""))
  }

  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    try text.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      var reader = ComposeReader(cursor: ByteCursor(bytes))
      guard UTF8Check.isValid(bytes), !bytes.contains(0) else {
        throw reader.fault("text that is not UTF-8")
      }
      if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
        reader.cursor.offset = 3
      }
      var variables = ReadVariables()
      while let (name, value) = try reader.next() {
        variables.add(name, value)
      }
      return variables.inFileOrder()
    }
  }
}

/// Statement after statement; what Compose takes from elsewhere (a name alone, `$NAME`) is a fault.
private struct ComposeReader {
  var cursor: ByteCursor

  mutating func next() throws(DeliveryFault) -> (String, SecretBytes)? {
    skipSpaceAndLines()
    while cursor.peek() == UInt8(ascii: "#") {
      cursor.skip { $0 != UInt8(ascii: "\n") }
      skipSpaceAndLines()
    }
    guard !cursor.isAtEnd else {
      return nil
    }
    let name = try key()
    skipSpace()
    switch cursor.peek() {
    case UInt8(ascii: "'"):
      return (name, try quoted(by: UInt8(ascii: "'")))
    case UInt8(ascii: "\""):
      let unescaped = try quoted(by: UInt8(ascii: "\"")).withUnsafeBytes { (text) throws(DeliveryFault) in
        try undone(text)
      }
      return (name, try expanded(unescaped))
    default:
      return (name, try expanded(plain()))
    }
  }

  private mutating func key() throws(DeliveryFault) -> String {
    let exportWord = Array("export".utf8)
    let afterWord = cursor.offset + exportWord.count
    if cursor.range(cursor.offset, afterWord).elementsEqual(exportWord),
      let space = cursor.at(afterWord), " \t\n\u{c}\r".utf8.contains(space)
    {
      cursor.offset = afterWord
      skipSpace()
    }
    let start = cursor.offset
    cursor.skip { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "\n") }
    var end = cursor.offset
    while end > start, let last = cursor.at(end - 1), " \t\u{b}\u{c}\r".utf8.contains(last) {
      end -= 1
    }
    guard let name = cursor.name(start, end), cursor.skip(UInt8(ascii: "=")) || cursor.skip(UInt8(ascii: ":")) else {
      throw fault("no assignment")
    }
    return name
  }

  /// A backslash keeps the quote behind it in the text and goes itself; before all else it stays, and two stand for two.
  private mutating func quoted(by quote: UInt8) throws(DeliveryFault) -> SecretBytes {
    cursor.offset += 1
    var value = SecretBuffer()
    while let byte = cursor.next() {
      if byte == quote {
        return value.finish()
      }
      guard byte == UInt8(ascii: "\\"), let kept = cursor.next() else {
        value.append(byte)
        continue
      }
      if kept != quote {
        value.append(byte)
      }
      value.append(kept)
    }
    throw fault("a quote that is never closed")
  }

  /// Up to the line's end or a `#` with a space before it, without white space at the end.
  private mutating func plain() -> SecretBytes {
    let start = cursor.offset
    var end = start
    while let byte = cursor.peek(), byte != UInt8(ascii: "\n") {
      if byte == UInt8(ascii: " "), cursor.peek(1) == UInt8(ascii: "#") {
        break
      }
      let space = UnicodeSpace.length(cursor.bytes, at: cursor.offset, .go)
      cursor.offset += max(space, 1)
      end = space == 0 ? cursor.offset : end
    }
    cursor.skip { $0 != UInt8(ascii: "\n") }
    return SecretBytes(copying: cursor.range(start, end))
  }

  private func undone(_ text: UnsafeRawBufferPointer) throws(DeliveryFault) -> SecretBytes {
    var value = SecretBuffer(capacity: text.count)
    var text = ByteCursor(text)
    while let byte = text.next() {
      guard byte == UInt8(ascii: "\\"), let letter = text.peek() else {
        value.append(byte)
        continue
      }
      text.offset += 1
      switch letter {
      case UInt8(ascii: "\\"), UInt8(ascii: "\""): value.append(letter)
      case UInt8(ascii: "$"): value.append("$$" as StaticString)
      case UInt8(ascii: "a"): value.append(0x07)
      case UInt8(ascii: "b"): value.append(0x08)
      case UInt8(ascii: "f"): value.append(0x0c)
      case UInt8(ascii: "n"): value.append(0x0a)
      case UInt8(ascii: "r"): value.append(0x0d)
      case UInt8(ascii: "t"): value.append(0x09)
      case UInt8(ascii: "v"): value.append(0x0b)
      case UInt8(ascii: "0"): throw fault("an octal escape")
      default:
        text.offset -= 1
        value.append(byte)
      }
    }
    return value.finish()
  }

  private func expanded(_ text: SecretBytes) throws(DeliveryFault) -> SecretBytes {
    try text.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      var value = SecretBuffer(capacity: bytes.count)
      var cursor = ByteCursor(bytes)
      while let byte = cursor.next() {
        if byte == UInt8(ascii: "$"), !cursor.skip(byte), let next = cursor.peek(), beginsExpansion(next) {
          throw fault("an expansion")
        }
        value.append(byte)
      }
      return value.finish()
    }
  }

  /// A name or a brace; names ignore case by Unicode's rules, so that two letters beyond ASCII begin one too.
  private func beginsExpansion(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "_"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"),
      0x80...:
      true
    default: false
    }
  }

  private mutating func skipSpaceAndLines() {
    while case let length = UnicodeSpace.length(cursor.bytes, at: cursor.offset, .go), length > 0 {
      cursor.offset += length
    }
  }

  /// Within a line fewer characters count as white space than between statements.
  private mutating func skipSpace() {
    while let byte = cursor.peek() {
      switch (byte, cursor.peek(1)) {
      case (UInt8(ascii: " "), _), (0x09, _), (0x0b...0x0d, _): cursor.offset += 1
      case (0xc2, 0x85), (0xc2, 0xa0): cursor.offset += 2
      default: return
      }
    }
  }

  func fault(_ problem: String) -> DeliveryFault {
    DeliveryFault(.line(cursor.line), "Compose would find \(problem)", remedy: "write the file anew")
  }
}
