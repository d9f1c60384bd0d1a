import SecretBytes

/// `docker run --env-file`: everything behind the first `=` up to the end of the line is the value, quotes, blanks and `#` included
/// (docker/cli `pkg/kvfile`). Go's line scanner drops one carriage return at a line's end and takes lines of less than 64 KiB.
enum DockerDialect: EnvironmentDialect {
  static let longestLine = 65_535

  static func obstacle(to secret: DeliveredSecret) -> String? {
    if secret.value.contains(UInt8(ascii: "\n")) {
      return "it holds a newline"
    }
    if secret.value.withUnsafeBytes({ $0.last == UInt8(ascii: "\r") }) {
      return "it ends with a carriage return"
    }
    if secret.name.utf8.count + 1 + secret.value.count > longestLine {
      return "the line would be longer than 65,535 bytes"
    }
    return nil
  }

  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    assignments(secrets) { $1.append($0) }
  }

  static func read(_ text: SecretBytes) throws(DeliveryFault) -> [DeliveredSecret] {
    try text.withUnsafeBytes { (bytes) throws(DeliveryFault) in
      guard UTF8Check.isValid(bytes), !bytes.contains(0) else {
        throw DeliveryFault(.line(1), "docker takes UTF-8 without NUL only", remedy: "write the file anew")
      }
      var cursor = ByteCursor(bytes)
      var variables = ReadVariables()
      while !cursor.isAtEnd {
        let start = cursor.offset
        cursor.skip { $0 != UInt8(ascii: "\n") }
        if let (name, value) = try variable(cursor, from: start) {
          variables.add(name, value)
        }
        cursor.offset += 1
      }
      return variables.inFileOrder()
    }
  }

  /// The line from `start` up to the cursor; `nil` where it is blank or a comment.
  private static func variable(
    _ cursor: ByteCursor, from start: Int
  ) throws(DeliveryFault) -> (String, SecretBytes)? {
    guard cursor.offset - start <= longestLine else {
      throw DeliveryFault(.line(cursor.line), "docker takes lines of less than 64 KiB", remedy: "write the file anew")
    }
    var end = cursor.offset
    if end > start, cursor.at(end - 1) == UInt8(ascii: "\r") {
      end -= 1
    }
    let line = cursor.range(start, end)
    var first = line.startIndex
    if start == 0, line.starts(with: [0xef, 0xbb, 0xbf]) {
      first = 3
    }
    while first < line.endIndex, case let length = UnicodeSpace.length(line, at: first, .go), length > 0 {
      first += length
    }
    guard let letter = line.dropFirst(first).first, letter != UInt8(ascii: "#") else {
      return nil
    }
    guard let equals = line.firstIndex(of: UInt8(ascii: "=")), let name = cursor.name(start + first, start + equals)
    else {
      throw DeliveryFault(.line(cursor.line), "docker would find no NAME=value", remedy: "write the file anew")
    }
    return (name, SecretBytes(copying: UnsafeRawBufferPointer(rebasing: line.dropFirst(equals + 1))))
  }
}
