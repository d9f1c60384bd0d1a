/// Base64 (RFC 4648 §4, and §5 for the URL alphabet), from secret memory to secret memory.
public enum Base64 {
  public enum Alphabet: Sendable {
    /// `+` and `/`, padded.
    case standard
    /// `-` and `_`, without padding.
    case url
  }

  public static func encode(_ bytes: SecretBytes, _ alphabet: Alphabet = .standard) -> SecretBytes {
    let letters = alphabet == .standard ? standardLetters : urlLetters
    var text = SecretBuffer(capacity: (bytes.count + 2) / 3 * 4)
    bytes.withUnsafeBytes { input in
      letters.withUTF8Buffer { letters in
        var index = 0
        while index < input.count {
          let left = input.count - index
          let group =
            UInt32(input[index]) << 16 | (left > 1 ? UInt32(input[index + 1]) << 8 : 0)
            | (left > 2 ? UInt32(input[index + 2]) : 0)
          for position in 0..<4 {
            if position <= left {
              text.append(letters[Int(group >> UInt32(18 - 6 * position)) & 63])
            } else if alphabet == .standard {
              text.append(UInt8(ascii: "="))
            }
          }
          index += 3
        }
      }
    }
    return text.finish()
  }

  /// The decoded bytes, or `nil` where `text` is not strict base64: a foreign character (line breaks count as foreign), wrong or
  /// misplaced padding (optional in the URL alphabet), or bits set beyond the last byte.
  public static func decode(_ text: SecretBytes, _ alphabet: Alphabet = .standard) -> SecretBytes? {
    var bytes = SecretBuffer(capacity: text.count / 4 * 3 + 3)
    let whole = text.withUnsafeBytes { input -> Bool in
      var length = input.count
      while length > 0, input.count - length < 2, input[length - 1] == UInt8(ascii: "=") {
        length -= 1
      }
      let padding = input.count - length
      guard length % 4 != 1, padding == 0 || input.count % 4 == 0, alphabet == .url || input.count % 4 == 0 else {
        return false
      }
      var bits: UInt32 = 0
      var held = 0
      for index in 0..<length {
        guard let value = value(of: input[index], alphabet) else {
          return false
        }
        bits = (bits << 6 | value) & 0xff_ffff
        held += 6
        if held >= 8 {
          held -= 8
          bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
      }
      return bits & ((1 << UInt32(held)) - 1) == 0
    }
    let result = bytes.finish()
    return whole ? result : nil
  }

  private static let standardLetters: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  private static let urlLetters: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

  private static func value(of letter: UInt8, _ alphabet: Alphabet) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): return UInt32(letter - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return UInt32(letter - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt32(letter - UInt8(ascii: "0")) + 52
    case UInt8(ascii: alphabet == .standard ? "+" : "-"): return 62
    case UInt8(ascii: alphabet == .standard ? "/" : "_"): return 63
    default: return nil
    }
  }
}

extension StaticString {
  fileprivate func withUTF8Buffer<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    body(UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount))
  }
}
