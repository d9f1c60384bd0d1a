import SecretBytes

/// python-dotenv (1.x, `parser.py` and `variables.py`), interpolation on. The text's lines end in `\n`.
enum PythonDotenvReader {
  static func read(_ bytes: UnsafeRawBufferPointer) throws(DeliveryFault) -> [DeliveredSecret] {
    var reader = Statement(cursor: ByteCursor(bytes))
    var variables = ReadVariables()
    guard UTF8Check.isValid(bytes), !bytes.contains(0) else {
      throw reader.fault("text that is not UTF-8")
    }
    while let (name, value) = try reader.next() {
      variables.add(name, value)
    }
    return variables.inFileOrder()
  }

  /// What `\` and this byte stand for in `"…"`.
  static func undoneInDoubleQuotes(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): byte
    case UInt8(ascii: "a"): 0x07
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0c
    case UInt8(ascii: "n"): 0x0a
    case UInt8(ascii: "r"): 0x0d
    case UInt8(ascii: "t"): 0x09
    case UInt8(ascii: "v"): 0x0b
    default: nil
    }
  }

  private struct Statement {
    var cursor: ByteCursor

    mutating func next() throws(DeliveryFault) -> (String, SecretBytes)? {
      while true {
        skipSpace(acrossLines: true)
        if cursor.peek() != UInt8(ascii: "#") {
          break
        }
        cursor.skip { $0 != UInt8(ascii: "\n") }
      }
      guard !cursor.isAtEnd else {
        return nil
      }
      let name = try key()
      skipSpace()
      guard cursor.skip(UInt8(ascii: "=")) else {
        throw fault("a name without a value")
      }
      skipSpace()
      let value = try self.value()
      skipSpace()
      if cursor.peek() == UInt8(ascii: "#") {
        cursor.skip { $0 != UInt8(ascii: "\n") }
      }
      guard cursor.isAtEnd || cursor.skip(UInt8(ascii: "\n")) else {
        throw fault("text behind a closing quote")
      }
      guard !value.withUnsafeBytes(DotenvExpansion.occurs) else {
        throw fault("an expansion")
      }
      return (name, value)
    }

    private mutating func key() throws(DeliveryFault) -> String {
      let exportWord = Array("export".utf8)
      let afterWord = cursor.offset + exportWord.count
      if cursor.range(cursor.offset, afterWord).elementsEqual(exportWord), space(at: afterWord) > 0 {
        cursor.offset = afterWord
        skipSpace()
      }
      let quoted = cursor.skip(UInt8(ascii: "'"))
      let start = cursor.offset
      while let byte = cursor.peek() {
        let ends =
          quoted
          ? byte == UInt8(ascii: "'")
          : byte == UInt8(ascii: "=") || byte == UInt8(ascii: "#") || byte == UInt8(ascii: "\n")
            || space(at: cursor.offset) > 0
        if ends {
          break
        }
        cursor.offset += 1
      }
      guard let name = cursor.name(start, cursor.offset), !quoted || cursor.skip(UInt8(ascii: "'")) else {
        throw fault("no variable's name")
      }
      return name
    }

    private mutating func value() throws(DeliveryFault) -> SecretBytes {
      guard let quote = cursor.peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
        return plain()
      }
      let start = cursor.offset + 1
      guard let end = DotenvLines.closings(cursor, from: start, quote: quote).first else {
        throw fault("a quote that is never closed")
      }
      // Releases of python-dotenv differ over a quote behind a backslash, where no other one follows: some close there.
      guard !isEscaped(end, from: start) else {
        throw fault("a quote that a backslash keeps open")
      }
      cursor.offset = end + 1
      return decoded(cursor.range(start, end), quote)
    }

    private func isEscaped(_ place: Int, from start: Int) -> Bool {
      cursor.range(start, place).reversed().prefix { $0 == UInt8(ascii: "\\") }.count % 2 == 1
    }

    /// Up to the line's end or a `#` with white space before it; white space at the end is dropped.
    private mutating func plain() -> SecretBytes {
      let start = cursor.offset
      cursor.skip { $0 != UInt8(ascii: "\n") }
      let line = cursor.range(start, cursor.offset)
      var end = 0
      var place = 0
      while place < line.count {
        let length = UnicodeSpace.length(line, at: place, .python)
        if length == 0, line[place] == UInt8(ascii: "#"), place > end {
          break
        }
        place += max(length, 1)
        end = length == 0 ? place : end
      }
      return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: line.prefix(end)))
    }

    private func decoded(_ text: UnsafeRawBufferPointer, _ quote: UInt8) -> SecretBytes {
      var value = SecretBuffer(capacity: text.count)
      var text = ByteCursor(text)
      while let byte = text.next() {
        let undone =
          byte == UInt8(ascii: "\\")
          ? text.peek().flatMap { next in
            quote == UInt8(ascii: "\"") || next == UInt8(ascii: "\\") || next == UInt8(ascii: "'")
              ? undoneInDoubleQuotes(next) : nil
          } : nil
        if let undone {
          text.offset += 1
          value.append(undone)
        } else {
          value.append(byte)
        }
      }
      return value.finish()
    }

    private func space(at place: Int) -> Int {
      cursor.at(place) == UInt8(ascii: "\n") ? 0 : UnicodeSpace.length(cursor.bytes, at: place, .python)
    }

    private mutating func skipSpace(acrossLines: Bool = false) {
      while true {
        let length = space(at: cursor.offset)
        if length > 0 {
          cursor.offset += length
        } else if !(acrossLines && cursor.skip(UInt8(ascii: "\n"))) {
          return
        }
      }
    }

    func fault(_ problem: String) -> DeliveryFault {
      DeliveryFault(.line(cursor.line), "python-dotenv would find \(problem)", remedy: "write the file anew")
    }
  }
}
