import SecretBytes

/// The one quoting that POSIX shells and systemd read alike: `'…'` pieces, in which everything is literal, and between them each
/// `'` of the value as `"'"`. Both join neighbouring pieces.
enum QuotedPieces {
  static func write(_ secrets: [DeliveredSecret]) -> SecretBytes {
    var text = SecretBuffer()
    for secret in secrets {
      text.append(secret.name)
      text.append("='" as StaticString)
      secret.value.withUnsafeBytes { bytes in
        for byte in bytes {
          if byte == UInt8(ascii: "'") {
            text.append("'\"'\"'" as StaticString)
          } else {
            text.append(byte)
          }
        }
      }
      text.append("'\n" as StaticString)
    }
    return text.finish()
  }
}
