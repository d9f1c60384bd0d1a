/// Percent-encoding (RFC 3986 §2.1), with upper-case digits.
public enum PercentEncoding {
  /// `text` with every byte encoded but unreserved characters and those in `kept`.
  public static func encode(_ text: String, keeping kept: String = "") -> String {
    encode(text.utf8, keeping: kept)
  }

  /// `bytes` with every one encoded but unreserved characters and those in `kept`.
  public static func encode(_ bytes: some Sequence<UInt8>, keeping kept: String = "") -> String {
    var encoded = ""
    for byte in bytes {
      if byte.isUnreserved || kept.utf8.contains(byte) {
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        encoded += "%"
        encoded.unicodeScalars.append(Unicode.Scalar(digit(byte >> 4)))
        encoded.unicodeScalars.append(Unicode.Scalar(digit(byte & 15)))
      }
    }
    return encoded
  }

  /// The digit of a number from 0 to 15.
  public static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + (value & 15)
  }
}
