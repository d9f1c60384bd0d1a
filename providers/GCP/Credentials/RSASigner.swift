import COpenSSL
import SecretBytes

/// RS256 (RFC 7518 §3.3: RSASSA-PKCS1-v1_5 with SHA-256) by libcrypto.
enum RSASigner {
  enum Fault: Error, Sendable, Equatable {
    /// Not a private key in PEM (encrypted ones among them), or of another kind than RSA.
    case notAKey
    case tooShort
    case notSigned
  }

  /// Google makes keys of 2048 bits; RFC 7518 forbids shorter ones.
  static let shortestKey = 2048

  /// - Parameter key: PEM, PKCS #8 or PKCS #1.
  static func sign(_ message: SecretBytes, key: SecretBytes) throws(Fault) -> SecretBytes {
    guard let key = read(key) else {
      throw .notAKey
    }
    defer { EVP_PKEY_free(key) }
    guard EVP_PKEY_is_a(key, "RSA") == 1 else {
      throw .notAKey
    }
    guard Int(EVP_PKEY_get_bits(key)) >= shortestKey else {
      throw .tooShort
    }
    guard let signature = signature(of: message, key) else {
      throw .notSigned
    }
    return signature
  }

  private static func read(_ pem: SecretBytes) -> OpaquePointer? {
    defer { ERR_clear_error() }
    return pem.withUnsafeBytes { bytes in
      guard let count = Int32(exactly: bytes.count), let bio = BIO_new_mem_buf(bytes.baseAddress, count) else {
        return nil
      }
      defer { BIO_free(bio) }
      // Without a callback of ours libcrypto would ask the terminal for an encrypted key's password.
      return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in 0 }, nil)
    }
  }

  private static func signature(of message: SecretBytes, _ key: OpaquePointer) -> SecretBytes? {
    defer { ERR_clear_error() }
    guard let context = EVP_MD_CTX_new() else {
      return nil
    }
    defer { EVP_MD_CTX_free(context) }
    guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1 else {
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key)))
    var count = bytes.count
    let isSigned = message.withUnsafeBytes {
      EVP_DigestSign(context, &bytes, &count, $0.bindMemory(to: UInt8.self).baseAddress, $0.count) == 1
    }
    return isSigned && count <= bytes.count ? SecretBytes(bytes.prefix(count)) : nil
  }
}
