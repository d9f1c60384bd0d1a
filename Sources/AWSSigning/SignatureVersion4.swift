import HTTPTransport
import SecretBytes
import Text

/// AWS Signature Version 4 by the `Authorization` header
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).
public struct SignatureVersion4: Sendable {
  private static let algorithm = "AWS4-HMAC-SHA256"

  private let region: String
  private let service: String

  /// - Parameters:
  ///   - region: as `eu-central-1`.
  ///   - service: the name that the service signs under, as `secretsmanager`.
  public init(region: String, service: String) {
    self.region = region
    self.service = service
  }

  /// The headers to add to `request`: `X-Amz-Date`, `X-Amz-Security-Token` where the credentials have one, `Authorization`.
  ///
  /// The request's own headers and its `Host` are signed, so they must be sent as they are here; what libcurl and proxies may
  /// change (`User-Agent`, `Expect`, …) is not.
  ///
  /// - Parameter wallSeconds: seconds since 1970; AWS takes up to five minutes of difference from its own clock.
  public func headers(
    signing request: HTTPRequest, with credentials: AWSCredentials, at wallSeconds: Int64
  ) -> [HTTPHeader] {
    let date = CivilTime(unixTime: max(wallSeconds, 0))
    var added = [HTTPHeader("X-Amz-Date", date.compactText)]
    if let token = credentials.sessionToken {
      added.append(HTTPHeader("X-Amz-Security-Token", secret: token))
    }
    var signed = request.headers + added
    if !request.headers.contains(where: { $0.name.lowercased() == "host" }) {
      signed.append(HTTPHeader("Host", request.url.authority))
    }
    let canonical = CanonicalRequest(
      method: request.method.rawValue, path: request.url.path, query: request.url.query, headers: signed,
      body: request.body, keepsPath: service == "s3")
    added.append(HTTPHeader("Authorization", authorization(canonical, credentials, date)))
    return added
  }

  func authorization(_ canonical: CanonicalRequest, _ credentials: AWSCredentials, _ date: CivilTime) -> String {
    let scope = "\(date.compactDay)/\(region)/\(service)/aws4_request"
    let signature = SHA256.authenticationCode(
      stringToSign(canonical, scope, date), key: signingKey(credentials.secretAccessKey, date))
    let digits = signature.withUnsafeBytes { SHA256.hexadecimal($0) }
    return "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope), "
      + "SignedHeaders=\(canonical.signedHeaders), Signature=\(digits)"
  }

  private func stringToSign(_ canonical: CanonicalRequest, _ scope: String, _ date: CivilTime) -> String {
    "\(Self.algorithm)\n\(date.compactText)\n\(scope)\n\(SHA256.hexDigest(canonical.text))"
  }

  private func signingKey(_ secret: SecretBytes, _ date: CivilTime) -> SecretBytes {
    var first = SecretBuffer(capacity: secret.count + 4)
    first.append("AWS4")
    first.append(secret)
    var key = first.finish()
    for part in [date.compactDay, region, service, "aws4_request"] {
      key = SHA256.authenticationCode(part, key: key)
    }
    return key
  }
}
