import COpenSSL
import JSONReader
import SecretBytes

/// The JWT that a service account signs for a token (https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth).
enum ServiceAccountAssertion {
  /// Google takes no JWT that lives longer.
  private static let lifetime: Int64 = 3600

  /// - Parameter unixTime: now.
  static func make(
    for key: ServiceAccountKey, scope: String, unixTime: Int64
  ) throws(RSASigner.Fault) -> SecretBytes {
    var header = JSONWriter()
    header.beginObject()
    header.member("typ", "JWT")
    header.member("alg", "RS256")
    if let keyID = key.keyID {
      header.member("kid", keyID)
    }
    header.endObject()
    var claims = JSONWriter()
    claims.beginObject()
    claims.name("iat")
    claims.number(unixTime)
    claims.name("exp")
    claims.number(unixTime.addingReportingOverflow(lifetime).partialValue)
    claims.member("iss", key.email)
    // The endpoint that it is sent to, whichever the file names, so that nobody else can make use of it.
    claims.member("aud", key.tokenURL.description)
    claims.member("scope", scope)
    claims.endObject()
    let signed = joined(Base64.encode(header.finish(), .url), Base64.encode(claims.finish(), .url))
    return joined(signed, Base64.encode(try RSASigner.sign(signed, key: key.privateKey), .url))
  }

  private static func joined(_ one: SecretBytes, _ other: SecretBytes) -> SecretBytes {
    var text = SecretBuffer(capacity: one.count + 1 + other.count)
    text.append(one)
    text.append("." as StaticString)
    text.append(other)
    return text.finish()
  }
}

/// RS256 (RFC 7518 §3.3: RSASSA-PKCS1-v1_5 with SHA-256) by libcrypto.
enum RSASigner {
  enum Fault: String, Error, Sendable {
    /// Not a private key in PEM (encrypted ones among them), or of another kind than RSA.
    case notAKey = "is not an RSA key in PEM without a password"
    case tooShort = "is shorter than 2048 bits"
    case notSigned = "does not sign"
  }

  /// Google makes keys of 2048 bits; RFC 7518 forbids shorter ones.
  private static let shortestKey = 2048

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
