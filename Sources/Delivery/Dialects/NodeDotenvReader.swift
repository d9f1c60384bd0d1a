import SecretBytes

/// The dotenv npm package (16 and 17, `lib/main.js`), whose grammar is one regular expression over all the text. The text's lines
/// end in `\n`; the expression's `^`, `$` and `.` know U+2028 and U+2029 as line ends too.
enum NodeDotenvReader {
  static func read(_ bytes: UnsafeRawBufferPointer) throws(DeliveryFault) -> [DeliveredSecret] {
    var reader = Matcher(text: ByteCursor(bytes))
    guard UTF8Check.isValid(bytes), !bytes.contains(0) else {
      throw reader.fault("text that is not UTF-8")
    }
    var variables = ReadVariables()
    while let (name, value) = try reader.next() {
      variables.add(name, value)
    }
    return variables.inFileOrder()
  }

  private struct Matcher {
    var text: ByteCursor

    /// The next statement; only blank lines and comments may stand before it.
    mutating func next() throws(DeliveryFault) -> (String, SecretBytes)? {
      text.offset = afterSpace(text.offset)
      while text.peek() == UInt8(ascii: "#") {
        text.offset = afterSpace(lineEnd(text.offset))
      }
      guard !text.isAtEnd else {
        return nil
      }
      guard let (name, afterName) = key(), let (value, end) = value(from: afterName) else {
        throw fault("no assignment")
      }
      text.offset = end
      return (name, value)
    }

    /// The name, and the place behind its `=` or `: `.
    private func key() -> (String, Int)? {
      let start = text.offset
      let exportWord = Array("export".utf8)
      let afterWord = start + exportWord.count
      let afterExport = afterSpace(afterWord)
      if text.range(start, afterWord).elementsEqual(exportWord), afterExport > afterWord,
        let found = key(from: afterExport)
      {
        return found
      }
      return key(from: start)
    }

    private func key(from start: Int) -> (String, Int)? {
      var end = start
      while let byte = text.at(end), byte != UInt8(ascii: "="), byte != UInt8(ascii: ":"), space(at: end) == 0 {
        end += 1
      }
      guard let name = text.name(start, end) else {
        return nil
      }
      let equals = afterSpace(end)
      if text.at(equals) == UInt8(ascii: "=") {
        return (name, equals + 1)
      }
      guard text.at(end) == UInt8(ascii: ":"), case let length = space(at: end + 1), length > 0 else {
        return nil
      }
      return (name, end + 1 + length)
    }

    /// The value, and where the statement ends.
    private func value(from start: Int) -> (SecretBytes, Int)? {
      let opening = afterSpace(start)
      if let quote = text.at(opening), isQuote(quote) {
        for closing in DotenvLines.closings(text, from: opening + 1, quote: quote) {
          if let end = statementEnd(closing + 1) {
            return (unquoted(opening, closing + 1), end)
          }
        }
      }
      var end = start
      while let byte = text.at(end), byte != UInt8(ascii: "#"), byte != UInt8(ascii: "\n") {
        end += 1
      }
      return statementEnd(end).map { (unquoted(start, end), $0) }
    }

    /// Behind a value: white space (over lines), then a comment or a line's end; `nil` where other text follows.
    private func statementEnd(_ start: Int) -> Int? {
      let end = afterSpace(start)
      if end >= text.bytes.count {
        return end
      }
      if text.at(end) == UInt8(ascii: "#") {
        return lineEnd(end)
      }
      // The expression gives white space back until it stands before a line's end.
      return (start..<end).last { isLineEnd($0) }
    }

    /// Trimmed; then each stretch from a quote at a line's start to the last such quote at a line's end loses the two; then, where
    /// the trimmed text began with `"`, `\n` and `\r` are undone.
    private func unquoted(_ start: Int, _ end: Int) -> SecretBytes {
      var first = afterSpace(start)
      var last = end
      while last > first, let length = [1, 2, 3].first(where: { last - $0 >= first && space(at: last - $0) == $0 }) {
        last -= length
      }
      let expands = text.at(first) == UInt8(ascii: "\"") && first < last
      var value = SecretBuffer(capacity: max(last - first, 0))
      var startsLine = true
      while first < last, let byte = text.at(first) {
        if startsLine, isQuote(byte),
          let closing = (first + 1..<last).last(where: { text.at($0) == byte && ($0 + 1 == last || isLineEnd($0 + 1)) })
        {
          value.append(text.range(first + 1, closing))
          first = closing + 1
          startsLine = false
        } else {
          startsLine = byte == UInt8(ascii: "\n") || isLineEnd(first - 2)
          value.append(byte)
          first += 1
        }
      }
      return expands
        ? replacing(UInt8(ascii: "r"), by: 0x0d, in: replacing(UInt8(ascii: "n"), by: 0x0a, in: value.finish()))
        : value.finish()
    }

    private func replacing(_ letter: UInt8, by byte: UInt8, in text: SecretBytes) -> SecretBytes {
      var replaced = SecretBuffer(capacity: text.count)
      text.withUnsafeBytes { bytes in
        var cursor = ByteCursor(bytes)
        while let next = cursor.next() {
          replaced.append(next == UInt8(ascii: "\\") && cursor.skip(letter) ? byte : next)
        }
      }
      return replaced.finish()
    }

    private func isQuote(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "`")
    }

    private func isLineEnd(_ place: Int) -> Bool {
      text.at(place) == UInt8(ascii: "\n")
        || (text.at(place) == 0xe2 && text.at(place + 1) == 0x80 && (text.at(place + 2) ?? 0) & 0xfe == 0xa8)
    }

    private func lineEnd(_ start: Int) -> Int {
      var place = start
      while place < text.bytes.count, !isLineEnd(place) {
        place += 1
      }
      return place
    }

    private func space(at place: Int) -> Int {
      UnicodeSpace.length(text.bytes, at: place, .javascript)
    }

    private func afterSpace(_ start: Int) -> Int {
      var place = start
      while case let length = space(at: place), length > 0 {
        place += length
      }
      return place
    }

    func fault(_ problem: String) -> DeliveryFault {
      DeliveryFault(.line(text.line), "dotenv would find \(problem)", remedy: "write the file anew")
    }
  }
}
