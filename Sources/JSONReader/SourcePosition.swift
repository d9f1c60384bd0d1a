import SecretBytes

/// A place in a document, for a person's eyes.
public struct SourcePosition: Sendable, Equatable {
  /// From 1. A line ends at LF, at CR LF, or at a CR alone.
  public let line: Int
  /// From 1, counted in bytes (not characters) from the line's start.
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// The place of the byte at `offset`. Reads the document up to there, so it is for messages, not for loops.
  package init(offset: Int, in bytes: UnsafeRawBufferPointer) {
    var line = 1
    var lineStart = 0
    for index in 0..<max(0, min(offset, bytes.count)) {
      switch bytes[index] {
      case UInt8(ascii: "\n"):
        line += 1
        lineStart = index + 1
      case UInt8(ascii: "\r"):
        // The LF of a CR LF ends the line.
        if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\n") {
          continue
        }
        line += 1
        lineStart = index + 1
      default:
        continue
      }
    }
    self.init(line: line, column: max(0, min(offset, bytes.count) - lineStart) + 1)
  }

  /// The byte offset of the Unicode scalar number `character` (from 0) of well-formed UTF-8; the end where there are fewer.
  package static func offset(ofCharacter character: Int, in bytes: UnsafeRawBufferPointer) -> Int {
    var seen = 0
    for index in 0..<bytes.count where bytes[index] & 0xc0 != 0x80 {
      if seen == character {
        return index
      }
      seen += 1
    }
    return bytes.count
  }
}

extension SourcePosition: CustomStringConvertible {
  /// `line 3, column 7`.
  public var description: String { "line \(line), column \(column)" }
}
