import SecretBytes

/// `node --env-file` (`src/node_dotenv.cc`, from 20.12 on, when it took values of several lines). It drops every carriage return,
/// ends a quoted text at the next such quote, whatever stands before it, and undoes `\n` in `"…"` alone.
enum NodeEnvFileReader {
  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    try withoutCarriageReturns(text).withUnsafeBytes { (bytes) throws(DeliveryFault) in
      var reader = Statement(cursor: ByteCursor(bytes))
      guard UTF8Check.isValid(bytes), !bytes.contains(0) else {
        throw reader.fault("text that is not UTF-8")
      }
      var variables = ReadVariables()
      while let (name, value) = try reader.next() {
        variables.add(name, value)
      }
      return variables.inFileOrder()
    }
  }

  private static func withoutCarriageReturns(_ text: SecretBytes) -> SecretBytes {
    guard text.contains(UInt8(ascii: "\r")) else {
      return text
    }
    var kept = SecretBuffer(capacity: text.count)
    text.withUnsafeBytes { bytes in
      for byte in bytes where byte != UInt8(ascii: "\r") {
        kept.append(byte)
      }
    }
    return kept.finish()
  }

  private struct Statement {
    var cursor: ByteCursor

    mutating func next() throws(DeliveryFault) -> (String, SecretBytes)? {
      cursor.skip(while: isSpace)
      while cursor.peek() == UInt8(ascii: "#") {
        cursor.skip { $0 != UInt8(ascii: "\n") }
        cursor.skip(while: isSpace)
      }
      guard !cursor.isAtEnd else {
        return nil
      }
      let name = try key()
      // Releases differ over a line that ends here: some take the next one for the value.
      cursor.skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      guard let first = cursor.peek(), first != UInt8(ascii: "\n") else {
        throw fault("a name without a value")
      }
      switch first {
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): return (name, try quoted(by: first))
      default: return (name, plain())
      }
    }

    private mutating func key() throws(DeliveryFault) -> String {
      let start = cursor.offset
      cursor.skip { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\n") }
      var (first, end) = (start, cursor.offset)
      while end > start, let last = cursor.at(end - 1), isSpace(last) {
        end -= 1
      }
      let exportWord = Array("export ".utf8)
      if cursor.range(start, min(start + exportWord.count, end)).elementsEqual(exportWord) {
        first += exportWord.count
      }
      guard let name = cursor.name(first, end), cursor.skip(UInt8(ascii: "=")) else {
        throw fault("no assignment")
      }
      return name
    }

    private mutating func quoted(by quote: UInt8) throws(DeliveryFault) -> SecretBytes {
      cursor.offset += 1
      let start = cursor.offset
      cursor.skip { $0 != quote }
      let end = cursor.offset
      guard cursor.skip(quote) else {
        throw fault("a quote that is never closed")
      }
      cursor.skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      if cursor.peek() == UInt8(ascii: "#") {
        cursor.skip { $0 != UInt8(ascii: "\n") }
      }
      guard cursor.isAtEnd || cursor.peek() == UInt8(ascii: "\n") else {
        throw fault("text behind a closing quote")
      }
      var inside = ByteCursor(cursor.range(start, end))
      var value = SecretBuffer(capacity: end - start)
      while let byte = inside.next() {
        let isEscape = quote == UInt8(ascii: "\"") && byte == UInt8(ascii: "\\") && inside.skip(UInt8(ascii: "n"))
        value.append(isEscape ? UInt8(ascii: "\n") : byte)
      }
      return value.finish()
    }

    private mutating func plain() -> SecretBytes {
      let start = cursor.offset
      cursor.skip { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "\n") }
      var end = cursor.offset
      cursor.skip { $0 != UInt8(ascii: "\n") }
      while end > start, let last = cursor.at(end - 1), isSpace(last) {
        end -= 1
      }
      return SecretBytes(copying: cursor.range(start, end))
    }

    private func isSpace(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
    }

    func fault(_ problem: String) -> DeliveryFault {
      DeliveryFault(.line(cursor.line), "node --env-file would find \(problem)", remedy: "write the file anew")
    }
  }
}
