import CFakeCertificates
import Glibc
import JSONReader
import SecretBytes

/// A key pair that signs JWTs: RS256 or ES256 (RFC 7518).
public struct JWTKey: Sendable {
  public enum Algorithm: String, Sendable {
    case rs256 = "RS256"
    case es256 = "ES256"
  }

  public let algorithm: Algorithm
  public let privatePEM: String
  public let publicPEM: String

  public init(_ algorithm: Algorithm = .es256) throws {
    var privatePEM: UnsafeMutablePointer<CChar>?
    var publicPEM: UnsafeMutablePointer<CChar>?
    defer {
      free(privatePEM)
      free(publicPEM)
    }
    guard fake_key_make(algorithm == .rs256 ? "RSA" : "EC", &privatePEM, &publicPEM), let privatePEM, let publicPEM
    else {
      throw FakeFault("libcrypto makes no key")
    }
    self.algorithm = algorithm
    self.privatePEM = String(cString: privatePEM)
    self.publicPEM = String(cString: publicPEM)
  }

  /// A signed JWT with `claims`, a JSON object.
  public func token(claims: String) throws -> String {
    let header = #"{"alg":"\#(algorithm.rawValue)","typ":"JWT"}"#
    let signed = JSONWebToken.base64URL(header) + "." + JSONWebToken.base64URL(claims)
    var count = 0
    guard let signature = fake_sign(privatePEM, signed, signed.utf8.count, &count) else {
      throw FakeFault("libcrypto does not sign")
    }
    guard algorithm == .es256 else {
      return signed + "."
        + JSONWebToken.base64URL(SecretBytes(adoptingMalloc: signature, count: count, capacity: count))
    }
    defer { free(signature) }
    guard let raw = fake_ecdsa_from_der(signature, count) else {
      throw FakeFault("libcrypto does not sign")
    }
    return signed + "." + JSONWebToken.base64URL(SecretBytes(adoptingMalloc: raw, count: 64, capacity: 64))
  }
}

/// A JWT whose signature was checked.
struct JSONWebToken {
  let claims: JSONValue

  /// `nil` where `text` is not a JWT that one of `keys` (public, PEM) signed by the algorithm that its header names.
  init?(_ text: String, keys: [String]) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard
      parts.count == 3, let header = Self.json(parts[0]), let claims = Self.json(parts[1]),
      let algorithm = header.member("alg")?.text.flatMap(JWTKey.Algorithm.init(rawValue:)),
      let signature = Base64.decode(SecretBytes(parts[2]), .url)
    else {
      return nil
    }
    let signed = parts[0] + "." + parts[1]
    guard keys.contains(where: { Self.verifies($0, signed, signature, algorithm) }) else {
      return nil
    }
    self.claims = claims
  }

  private static func verifies(
    _ key: String, _ signed: String, _ signature: SecretBytes, _ algorithm: JWTKey.Algorithm
  ) -> Bool {
    signature.withUnsafeBytes { bytes in
      guard algorithm == .es256 else {
        return fake_verify(key, signed, signed.utf8.count, bytes.baseAddress, bytes.count)
      }
      var count = 0
      guard bytes.count == 64, let der = fake_ecdsa_to_der(bytes.baseAddress, &count) else {
        return false
      }
      defer { free(der) }
      return fake_verify(key, signed, signed.utf8.count, der, count)
    }
  }

  /// Whether the claim is `expected`, or a list that holds it.
  func claim(_ name: String, is expected: String) -> Bool {
    guard let value = claims.member(name) else {
      return false
    }
    return value.text == expected || value.elements.contains { $0.text == expected }
  }

  private static func json(_ part: String) -> JSONValue? {
    Base64.decode(SecretBytes(part), .url).flatMap { try? JSONValue.parse($0, limits: .payload) }
  }

  static func base64URL(_ text: String) -> String { base64URL(SecretBytes(text)) }

  static func base64URL(_ bytes: SecretBytes) -> String {
    Base64.encode(bytes, .url).unsafeString() ?? ""
  }
}
