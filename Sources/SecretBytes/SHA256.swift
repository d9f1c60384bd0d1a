import COpenSSL

/// SHA-256 and its HMAC (FIPS 180-4, RFC 2104), over secret memory.
public enum SHA256 {
  /// Bytes of a digest.
  static let size = 32

  /// The 32 bytes of the digest of `bytes`.
  public static func digest(_ bytes: SecretBytes) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: size)
    bytes.withUnsafeBytes { input in
      _ = COpenSSL.SHA256(input.bindMemory(to: UInt8.self).baseAddress, input.count, &digest)
    }
    return digest
  }

  /// The digest of `bytes` in lower-case hexadecimal digits.
  public static func hexDigest(_ bytes: SecretBytes) -> String { hexadecimal(digest(bytes)) }

  /// The keyed digest of `text`. It may be a key itself, so it stays in secret memory.
  public static func authenticationCode(_ text: String, key: SecretBytes) -> SecretBytes {
    var text = text
    var code = SecretBuffer(capacity: size)
    text.withUTF8 { text in
      key.withUnsafeBytes { key in
        _ = code.fill(atMost: size) { room in
          // The room of a fresh buffer of `size` bytes has them all.
          var written: UInt32 = 0
          let made = HMAC(
            EVP_sha256(), key.baseAddress, Int32(clamping: key.count), text.baseAddress, text.count,
            room.bindMemory(to: UInt8.self).baseAddress, &written)
          return made == nil ? 0 : Int(written)
        }
      }
    }
    return code.finish()
  }

  public static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
      text += byte < 16 ? "0" : ""
      text += String(byte, radix: 16)
    }
    return text
  }
}
