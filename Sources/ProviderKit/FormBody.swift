import SecretBytes

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

  /// Everything but unreserved characters (RFC 3986 §2.3) as `%XX`, the space too.
  private mutating func appendEncoded(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      text.append(byte)
    default:
      text.append(UInt8(ascii: "%"))
      text.append(Self.digit(byte >> 4))
      text.append(Self.digit(byte & 15))
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value
  }
}
