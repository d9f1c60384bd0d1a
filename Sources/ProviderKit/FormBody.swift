import SecretBytes
import Text

/// An `application/x-www-form-urlencoded` body in secret memory (https://url.spec.whatwg.org/#urlencoded-serializing).
public struct FormBody: ~Copyable {
  private var text = SecretBuffer()

  public init() {}

  /// `name` needs no encoding.
  public mutating func append(_ name: StaticString, _ value: String) {
    append(name, SecretBytes(value))
  }

  /// `name` needs no encoding.
  public mutating func append(_ name: StaticString, _ value: SecretBytes) {
    if text.count > 0 {
      text.append("&" as StaticString)
    }
    text.append(name)
    text.append("=" as StaticString)
    value.withUnsafeBytes { bytes in
      for byte in bytes {
        appendEncoded(byte)
      }
    }
  }

  /// What was written, without another copy.
  public consuming func finish() -> SecretBytes {
    text.finish()
  }

  /// Everything but unreserved characters as `%XX`, the space too.
  private mutating func appendEncoded(_ byte: UInt8) {
    guard !byte.isUnreserved else {
      return text.append(byte)
    }
    text.append(UInt8(ascii: "%"))
    text.append(PercentEncoding.digit(byte >> 4))
    text.append(PercentEncoding.digit(byte & 15))
  }
}
