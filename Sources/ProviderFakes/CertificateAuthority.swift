import CFakeCertificates
import Glibc

/// A certificate with its private key, as PEM texts.
public struct FakeCertificate: Sendable {
  public let certificate: String
  public let key: String

  /// Writes `NAME.pem` and `NAME.key` (mode 0600) into `folder`.
  public func write(to folder: String, name: String) throws {
    try Self.write(certificate, to: "\(folder)/\(name).pem")
    try Self.write(key, to: "\(folder)/\(name).key")
  }

  static func write(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw FakeFault("\(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var text = text
    let written = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard written == text.utf8.count else {
      throw FakeFault("\(path): not written")
    }
  }
}

/// A certificate authority of its own, made anew each time, for TLS that a test can trust or mistrust.
public struct CertificateAuthority: Sendable {
  /// The names that local servers are reached by.
  public static let localNames = "DNS:localhost,IP:127.0.0.1,IP:::1"

  public let authority: FakeCertificate

  public init(name: String = "secrets-agent fakes") throws {
    authority = try Self.make(name: name, names: nil, notAfter: 86_400 * 30, isAuthority: true, issuer: nil)
  }

  /// - Parameter names: subject alternative names in OpenSSL's notation.
  public func server(names: String = localNames, isExpired: Bool = false) throws -> FakeCertificate {
    try Self.make(name: "localhost", names: names, notAfter: isExpired ? -3600 : 86_400, issuer: authority)
  }

  public func client(name: String = "client") throws -> FakeCertificate {
    try Self.make(name: name, names: nil, notAfter: 86_400, isClient: true, issuer: authority)
  }

  private static func make(
    name: String, names: String?, notAfter: Int, isAuthority: Bool = false, isClient: Bool = false,
    issuer: FakeCertificate?
  ) throws -> FakeCertificate {
    var certificate: UnsafeMutablePointer<CChar>?
    var key: UnsafeMutablePointer<CChar>?
    defer {
      free(certificate)
      free(key)
    }
    func text<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
      text.map { $0.withCString(body) } ?? body(nil)
    }
    let isMade = name.withCString { name in
      text(names) { names in
        text(issuer?.certificate) { issuerCertificate in
          text(issuer?.key) { issuerKey in
            var request = fake_certificate_request(
              common_name: name, subject_alternative_names: names, not_before: -7200, not_after: notAfter,
              is_authority: isAuthority, is_client: isClient, issuer_certificate_pem: issuerCertificate,
              issuer_key_pem: issuerKey)
            return fake_certificate_make(&request, &certificate, &key)
          }
        }
      }
    }
    guard isMade, let certificate, let key else {
      throw FakeFault("libcrypto makes no certificate")
    }
    return FakeCertificate(certificate: String(cString: certificate), key: String(cString: key))
  }
}

/// Why a fake cannot start.
public struct FakeFault: Error, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }
}
