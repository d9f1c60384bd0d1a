import SecretBytes

/// `EnvironmentFile=` of a unit: systemd.exec(5), and systemd's `src/basic/env-file.c`, which says it exactly.
enum SystemdDialect: EnvironmentDialect {
  static func obstacle(to secret: DeliveredSecret) -> String? {
    if secret.value.withUnsafeBytes(holdsNoncharacter) {
      return "systemd drops variables with Unicode noncharacters (U+FFFE and the like)"
    }
    if EnvironmentVariableRules.isTooLong(secret) {
      return "it is longer than the kernel passes to a program (128 KiB)"
    }
    return nil
  }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    QuotedPieces.write(secrets)
  }

  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    try text.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      guard UTF8Check.isValid(bytes), !bytes.contains(0), !holdsNoncharacter(bytes) else {
        throw DeliveryFault(.line(1), "text that systemd does not take for UTF-8", remedy: "write the file anew")
      }
      var cursor = ByteCursor(bytes)
      var variables = ReadVariables()
      while let byte = cursor.peek() {
        if isBlank(byte) || isNewline(byte) {
          cursor.offset += 1
        } else if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
          skipComment(&cursor)
        } else {
          let name = try key(&cursor)
          variables.add(name, try value(&cursor))
        }
      }
      return variables.inFileOrder()
    }
  }

  private static func skipComment(_ cursor: inout ByteCursor) {
    while let byte = cursor.next(), !isNewline(byte) {
      // A backslash takes the next byte with it; but a line break ends the comment since systemd 254.
      if byte == UInt8(ascii: "\\"), let next = cursor.peek(), !isNewline(next) {
        cursor.offset += 1
      }
    }
  }

  /// The text up to `=`, blanks behind it left out.
  private static func key(_ cursor: inout ByteCursor) throws(DeliveryFault) -> String {
    let start = cursor.offset
    cursor.skip { $0 != UInt8(ascii: "=") && !isNewline($0) }
    var end = cursor.offset
    while end > start, let last = cursor.at(end - 1), isBlank(last) {
      end -= 1
    }
    guard let name = cursor.name(start, end), cursor.skip(UInt8(ascii: "=")) else {
      throw DeliveryFault(.line(cursor.line), "systemd would find no assignment", remedy: "write the file anew")
    }
    return name
  }

  /// Before plain text begins, quoted pieces may follow one another, blanks between them dropped; from the first plain character
  /// on, quotes are text.
  private static func value(_ cursor: inout ByteCursor) throws(DeliveryFault) -> SecretBytes {
    var value = SecretBuffer()
    while let byte = cursor.next() {
      switch byte {
      case _ where isNewline(byte):
        return value.finish()
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        try quoted(by: byte, &cursor, into: &value)
      case _ where isBlank(byte):
        continue
      default:
        cursor.offset -= 1
        return plain(&cursor, after: value.finish())
      }
    }
    return value.finish()
  }

  private static func quoted(
    by quote: UInt8, _ cursor: inout ByteCursor, into value: inout SecretBuffer
  ) throws(DeliveryFault) {
    while let byte = cursor.next() {
      if byte == quote {
        return
      }
      guard quote == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") else {
        value.append(byte)
        continue
      }
      switch cursor.next() {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "`"), UInt8(ascii: "$"):
        value.append(cursor.peek(-1) ?? byte)
      case UInt8(ascii: "\n"), nil:
        continue
      case .some(let kept):
        value.append(byte)
        value.append(kept)
      }
    }
    throw DeliveryFault(
      .line(cursor.line), "systemd would find a quote that is never closed", remedy: "write the file anew")
  }

  /// Up to the end of the line: a backslash keeps the next byte, blanks at the end are dropped unless escaped.
  private static func plain(_ cursor: inout ByteCursor, after quoted: SecretBytes) -> SecretBytes {
    var value = SecretBuffer()
    value.append(quoted)
    var length = value.count
    while let byte = cursor.next(), !isNewline(byte) {
      if byte == UInt8(ascii: "\\") {
        if let escaped = cursor.next(), !isNewline(escaped) {
          value.append(escaped)
        }
        length = value.count
      } else {
        value.append(byte)
        length = isBlank(byte) ? length : value.count
      }
    }
    return value.finish().slice(0..<length)
  }

  /// U+FDD0…U+FDEF and the last two of each plane.
  private static func holdsNoncharacter(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let cursor = ByteCursor(bytes)
    for place in bytes.indices {
      switch (cursor.at(place), cursor.at(place + 1), cursor.at(place + 2), cursor.at(place + 3)) {
      case (0xef, 0xb7, .some(0x90...0xaf), _), (0xef, 0xbf, .some(0xbe...0xbf), _):
        return true
      case (.some(0xf0...0xf4), .some(let second), 0xbf, .some(0xbe...0xbf)) where second & 0x0f == 0x0f:
        return true
      default:
        continue
      }
    }
    return false
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

  private static func isNewline(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
}
