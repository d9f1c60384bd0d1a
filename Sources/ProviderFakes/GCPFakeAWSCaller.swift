import COpenSSL
import JSONReader
import SecretBytes

/// A signed call of AWS STS that came as a subject token: Google makes it at AWS to see who signed it, the fake checks the signature
/// itself (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
struct GCPFakeAWSCaller {
  private let host: String
  private let query: String
  private let headers: [String: String]

  /// - Parameter text: percent-encoded JSON.
  init?(_ text: String) {
    guard
      let json = try? JSONValue.parse(SecretBytes(RequestHandler.decoded(Substring(text))), limits: .payload),
      json.member("method")?.text == "POST", let url = json.member("url")?.text, url.hasPrefix("https://sts.")
    else {
      return nil
    }
    let parts = url.dropFirst("https://".count).split(separator: "?", maxSplits: 1)
    guard parts.count == 2, let host = parts[0].split(separator: "/").first else {
      return nil
    }
    self.host = String(host)
    self.query = String(parts[1])
    var headers: [String: String] = [:]
    for element in json.member("headers").map({ Array($0.elements) }) ?? [] {
      headers[element.member("key")?.text?.lowercased() ?? ""] = element.member("value")?.text ?? ""
    }
    self.headers = headers
  }

  /// The id of the access key that signed, if the pool knows it, and the call was made for this pool and lately.
  func verified(by pool: GCPIdentityPool, now: Double) -> String? {
    guard
      query == "Action=GetCallerIdentity&Version=2011-06-15", headers["host"] == host,
      headers["x-goog-cloud-target-resource"] == pool.audience, let date = headers["x-amz-date"],
      Self.isNear(date, now), let authorization = headers["authorization"],
      authorization.hasPrefix("AWS4-HMAC-SHA256 ")
    else {
      return nil
    }
    var fields: [String: String] = [:]
    for pair in authorization.dropFirst("AWS4-HMAC-SHA256 ".count).split(separator: ",") {
      let sides = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1).map(String.init)
      fields[sides.first ?? ""] = sides.count > 1 ? sides[1] : ""
    }
    let scope = (fields["Credential"] ?? "").split(separator: "/").map(String.init)
    guard
      scope.count == 5, let secret = pool.awsKeys[scope[0]], scope[1] == date.prefix(8), scope[3] == "sts",
      host == "sts.\(scope[2]).amazonaws.com", let names = fields["SignedHeaders"],
      Set(names.split(separator: ";")).isSuperset(of: ["host", "x-amz-date"]),
      signature(names, date, scope, secret) == fields["Signature"]
    else {
      return nil
    }
    return scope[0]
  }

  private func signature(_ names: String, _ date: String, _ scope: [String], _ secret: String) -> String {
    var canonical = "POST\n/\n\(query)\n"
    for name in names.split(separator: ";") {
      canonical += "\(name):\(headers[String(name)] ?? "")\n"
    }
    canonical += "\n\(names)\n" + Self.hexadecimal(Self.digest(""))
    let credentialScope = scope.dropFirst().joined(separator: "/")
    let text = "AWS4-HMAC-SHA256\n\(date)\n\(credentialScope)\n" + Self.hexadecimal(Self.digest(canonical))
    var key = Array("AWS4\(secret)".utf8)
    for part in scope.dropFirst() {
      key = Self.authenticationCode(part, key)
    }
    return Self.hexadecimal(Self.authenticationCode(text, key))
  }

  /// Whether `20260102T030405Z` is within AWS's quarter of an hour of `now`.
  private static func isNear(_ date: String, _ now: Double) -> Bool {
    stride(from: -900.0, through: 900, by: 1).contains { seconds in
      GCPFakeState.timestamp(now + seconds).filter { $0 != "-" && $0 != ":" } == date
    }
  }

  private static func digest(_ text: String) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    _ = SHA256(Array(text.utf8), text.utf8.count, &digest)
    return digest
  }

  private static func authenticationCode(_ text: String, _ key: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: 32)
    _ = HMAC(EVP_sha256(), key, Int32(key.count), Array(text.utf8), text.utf8.count, &code, nil)
    return code
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
