/// A key that moves what `status --watch` shows, or ends it.
enum StatusKey: Sendable, Equatable {
  case up, down, pageUp, pageDown, home, end, quit
}

/// Finds keys in what a terminal sends; a sequence may come in pieces. What it does not know it passes over.
struct StatusKeyReader {
  private static let escape: UInt8 = 0x1b
  /// Longer ones are nobody's.
  private static let longestSequence = 16

  private var sequence: [UInt8] = []

  mutating func keys(in bytes: some Sequence<UInt8>) -> [StatusKey] {
    bytes.compactMap { take($0) }
  }

  private mutating func take(_ byte: UInt8) -> StatusKey? {
    guard byte != Self.escape else {
      sequence = [byte]
      return nil
    }
    switch sequence.count {
    case 0:
      return Self.plain(byte)
    case 1:
      guard byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") else {
        // The escape key by itself, and another key.
        sequence = []
        return Self.plain(byte)
      }
      sequence.append(byte)
      return nil
    default:
      sequence.append(byte)
      guard (0x40...0x7e).contains(byte) else {
        if sequence.count > Self.longestSequence {
          sequence = []
        }
        return nil
      }
      defer { sequence = [] }
      return Self.sequenced(String(decoding: sequence.dropFirst(2), as: UTF8.self))
    }
  }

  private static func plain(_ byte: UInt8) -> StatusKey? {
    switch byte {
    case UInt8(ascii: "q"), UInt8(ascii: "Q"): .quit
    case UInt8(ascii: "k"): .up
    case UInt8(ascii: "j"), 0x0a, 0x0d: .down
    case UInt8(ascii: "b"): .pageUp
    case UInt8(ascii: " "), UInt8(ascii: "f"): .pageDown
    case UInt8(ascii: "g"): .home
    case UInt8(ascii: "G"): .end
    default: nil
    }
  }

  /// What follows CSI or SS3, as xterm and the Linux console send it.
  private static func sequenced(_ rest: String) -> StatusKey? {
    switch rest {
    case "A": .up
    case "B": .down
    case "5~": .pageUp
    case "6~": .pageDown
    case "H", "1~", "7~": .home
    case "F", "4~", "8~": .end
    default: nil
    }
  }
}
