import JSONReader
import SecretBytes

/// A signed call of AWS STS that came as a subject token. Google makes it at AWS to see who signed it; the fake checks the signature
/// itself (https://google.aip.dev/auth/4117#determining-the-subject-token-in-aws).
struct GCPFakeAWSCaller {
  private static let query = "Action=GetCallerIdentity&Version=2011-06-15"

  private let host: String
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
    guard parts.count == 2, parts[1] == Self.query, let host = parts[0].split(separator: "/").first else {
      return nil
    }
    self.host = String(host)
    var headers: [String: String] = [:]
    for element in json.member("headers").map({ Array($0.elements) }) ?? [] {
      headers[element.member("key")?.text?.lowercased() ?? ""] = element.member("value")?.text ?? ""
    }
    self.headers = headers
  }

  /// The id of the access key that signed, if the pool knows it, and the call was made for this pool and lately.
  func verified(by pool: GCPIdentityPool, now: Double) -> String? {
    let query = ["Action": "GetCallerIdentity", "Version": "2011-06-15"]
    let call = RecordedRequest(
      method: "POST", path: "/", query: query, rawQuery: "", headers: headers, body: "", connection: 0)
    guard
      headers["host"] == host, headers["x-goog-cloud-target-resource"] == pool.audience,
      let signature = try? AWSFakeSignature(call), let secret = pool.awsKeys[signature.accessKey]
    else {
      return nil
    }
    let region = host.split(separator: ".").dropFirst().first.map(String.init) ?? ""
    let key = AWSFakeState.AccessKey(
      secret: secret, sessionToken: headers["x-amz-security-token"], principal: signature.accessKey)
    guard (try? signature.verify(key, service: "sts", region: region, now: Int64(now))) != nil else {
      return nil
    }
    return signature.accessKey
  }
}
