import COpenSSL

/// Checks Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html) as
/// the services do: by computing the signature once more from what arrived.
struct AWSFakeSignature {
  let accessKey: String
  private let date: String
  private let region: String
  private let service: String
  private let signedHeaders: [String]
  private let signature: String
  private let request: RecordedRequest

  /// How far a request's time may be off, in seconds.
  static let tolerance: Int64 = 15 * 60

  /// Reads the `Authorization` header.
  init(_ request: RecordedRequest) throws(AWSFakeRefusal) {
    guard let header = request.headers["authorization"] else {
      throw .missingToken
    }
    let words = header.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0] == "AWS4-HMAC-SHA256" else {
      throw .incomplete("Authorization header requires 'AWS4-HMAC-SHA256'.")
    }
    var parts: [Substring: Substring] = [:]
    for pair in words[1].split(separator: ",") {
      let sides = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
      if sides.count == 2 {
        parts[sides[0]] = sides[1]
      }
    }
    guard let credential = parts["Credential"], let headers = parts["SignedHeaders"], let signature = parts["Signature"]
    else {
      throw .incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
    }
    let scope = credential.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard scope.count == 5, scope[4] == "aws4_request" else {
      throw .incomplete("Credential must have exactly 5 slash-delimited elements.")
    }
    (accessKey, date, region, service) = (scope[0], scope[1], scope[2], scope[3])
    signedHeaders = headers.split(separator: ";").map(String.init)
    self.signature = String(signature)
    self.request = request
  }

  /// Whether `key` made the signature, for this service and region, near `now`.
  func verify(_ key: AWSFakeState.AccessKey, service: String, region: String, now: Int64) throws(AWSFakeRefusal) {
    guard self.service == service else {
      throw .mismatch("Credential should be scoped to correct service: '\(service)'. ")
    }
    guard self.region == region else {
      throw .mismatch("Credential should be scoped to a valid region. ")
    }
    try checkHeaders()
    try checkTime(now)
    guard Self.hex(mac(key.secret)) == signature else {
      throw .mismatch(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
      )
    }
    guard request.headers["x-amz-security-token"] == key.sessionToken else {
      throw .unknownClient
    }
    if let expires = key.expires, expires <= now {
      throw .expired
    }
  }

  private func checkHeaders() throws(AWSFakeRefusal) {
    guard signedHeaders.contains("host") else {
      throw .mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    }
    guard signedHeaders == signedHeaders.sorted(), Set(signedHeaders).count == signedHeaders.count else {
      throw .mismatch("SignedHeaders must be sorted and unique.")
    }
    for name in request.headers.keys where name.hasPrefix("x-amz-") && !signedHeaders.contains(name) {
      throw .mismatch("There were headers present in the request which were not signed: \(name)")
    }
    if let absent = signedHeaders.first(where: { request.headers[$0] == nil }) {
      throw .mismatch("The header \(absent) is signed and was not sent.")
    }
  }

  private func checkTime(_ now: Int64) throws(AWSFakeRefusal) {
    guard let text = request.headers["x-amz-date"], let seconds = AWSFakeTime.parse(basic: text) else {
      throw .incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    }
    guard text.hasPrefix(date) else {
      throw .mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
    }
    let server = AWSFakeTime.basic(now)
    if seconds < now - Self.tolerance {
      let earliest = AWSFakeTime.basic(now - Self.tolerance)
      throw .mismatch("Signature expired: \(text) is now earlier than \(earliest) (\(server) - 15 min.)")
    }
    if seconds > now + Self.tolerance {
      let latest = AWSFakeTime.basic(now + Self.tolerance)
      throw .mismatch("Signature not yet current: \(text) is still later than \(latest) (\(server) + 15 min.)")
    }
  }

  // MARK: - The computation

  private func mac(_ secret: String) -> [UInt8] {
    var key = Self.hmac(Array("AWS4\(secret)".utf8), date)
    for part in [region, service, "aws4_request"] {
      key = Self.hmac(key, part)
    }
    let scope = "\(date)/\(region)/\(service)/aws4_request"
    let digest = Self.hex(Self.sha256(canonicalRequest))
    return Self.hmac(key, "AWS4-HMAC-SHA256\n\(request.headers["x-amz-date"] ?? "")\n\(scope)\n\(digest)")
  }

  private var canonicalRequest: String {
    let headers = signedHeaders.map { name in
      let value = (request.headers[name] ?? "").split(separator: " ").joined(separator: " ")
      return "\(name):\(value)\n"
    }
    let query = request.query.map { (Self.encoded($0.key), Self.encoded($0.value)) }
      .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }.map { "\($0.0)=\($0.1)" }
    // The path is encoded once for the wire, and once more here.
    let path = Self.encoded(Self.encoded(request.path, keeping: "/"), keeping: "/")
    return [
      request.method, path.isEmpty ? "/" : path, query.joined(separator: "&"), headers.joined(),
      signedHeaders.joined(separator: ";"), Self.hex(Self.sha256(request.body)),
    ].joined(separator: "\n")
  }

  private static func sha256(_ text: String) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let bytes = Array(text.utf8)
    _ = SHA256(bytes, bytes.count, &digest)
    return digest
  }

  private static func hmac(_ key: [UInt8], _ text: String) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    let bytes = Array(text.utf8)
    _ = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &digest, &count)
    return digest
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func encoded(_ text: String, keeping kept: String = "") -> String {
    let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" + kept
    return text.utf8.map { byte in
      plain.utf8.contains(byte)
        ? String(Unicode.Scalar(byte)) : (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
    }.joined()
  }
}
