import Foundation
import JSONReader
import ProviderFakes
import SecretBytes
import Testing

/// google-auth, run by a Python that has it: what it sends is what ours is held against.
enum GooglesLibraries {
  static var python: String? { ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"] }

  /// Reads the secret `db`. Every variable of `environment` reaches the library. `scopes`: whether they are asked for, as libraries
  /// do for all credentials but a person's.
  static func read(environment: [String: String], scopes: Bool = true, impersonating account: String? = nil) throws
    -> String
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(python))
    process.arguments = ["-c", script]
    var variables = environment
    // Else the library asks Cloud Resource Manager for a federated identity's project.
    variables["GOOGLE_CLOUD_PROJECT"] = "demo-project"
    variables["SCOPES"] = scopes ? GCPFake.cloudScope : ""
    variables["IMPERSONATE"] = account ?? ""
    process.environment = variables
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "google-auth failed; its words are above")
    return String(decoding: text, as: UTF8.self)
  }

  /// The library has Google's own addresses for the token endpoint and the IAM Credentials API built in, whatever a file says:
  /// they are pointed at the fake.
  private static let script = """
    import base64, os
    import google.auth
    from google.auth import iam, impersonated_credentials
    from google.auth.transport.requests import AuthorizedSession, Request
    from google.oauth2 import credentials, service_account

    env = os.environ
    fake = env["FAKE_ADDRESS"]
    for module in (credentials, service_account):
        module._GOOGLE_OAUTH2_TOKEN_ENDPOINT = fake + "/token"
    iam._IAM_ENDPOINT = fake + "/v1/projects/-/serviceAccounts/{}:generateAccessToken"
    scopes = env["SCOPES"].split() or None
    login, _ = google.auth.default(scopes=scopes)
    if env["IMPERSONATE"]:
        login = impersonated_credentials.Credentials(login, env["IMPERSONATE"], scopes)
    # A lookup of its own, which has nothing to do with the login or the read.
    login._maybe_start_regional_access_boundary_refresh = lambda request, url: None
    session = AuthorizedSession(login, auth_request=Request())
    answer = session.get(fake + "/v1/projects/demo-project/secrets/db/versions/latest:access")
    print(base64.b64decode(answer.json()["payload"]["data"]).decode(), end="")
    """
}

/// What of a request the services look at.
struct WireRequest: Equatable, CustomStringConvertible {
  let line: String
  let query: [String: String]
  let headers: [String: String]
  /// The form's or JSON object's members; JWTs by their decoded header and claims.
  let members: [String: String]

  init(_ request: RecordedRequest, from start: Int64) {
    line = request.line
    query = request.query
    let names = ["authorization", "metadata-flavor", "x-goog-user-project", "x-aws-ec2-metadata-token"]
    headers = request.headers.filter {
      names.contains($0.key) || $0.key == "content-type" && !request.body.isEmpty
    }.mapValues {
      // Tokens differ from login to login.
      $0.hasPrefix("Bearer ") ? "Bearer" : $0
    }
    var members: [String: String] = [:]
    if request.headers["content-type"]?.hasPrefix("application/json") == true,
      let json = try? JSONValue.parse(SecretBytes(request.body), limits: .payload)
    {
      for member in json.members where !member.value.isNull {
        members[member.name.text ?? ""] = member.value.compact().unsafeString()
      }
    } else {
      for pair in request.body.split(separator: "&") {
        let sides = pair.split(separator: "=", maxSplits: 1).map {
          $0.replacing("+", with: " ").removingPercentEncoding ?? ""
        }
        members[sides[0]] = sides.count > 1 ? sides[1] : ""
      }
    }
    if let assertion = members["assertion"] {
      members["assertion"] = Self.decoded(assertion, from: start)
    }
    if members["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request" {
      members["subject_token"] = Self.decodedCall(members["subject_token"] ?? "")
    }
    self.members = members
  }

  /// A JWT's header and claims, times told from `start`.
  private static func decoded(_ token: String, from start: Int64) -> String {
    let parts = token.split(separator: ".").prefix(2).compactMap { part -> JSONValue? in
      Base64.decode(SecretBytes(String(part)), .url).flatMap { try? JSONValue.parse($0, limits: .payload) }
    }
    return parts.flatMap { part in
      part.members.map { member -> String in
        let name = member.name.text ?? ""
        let time = member.value.int64.map { "\(($0 - start) / 600)" }
        return "\(name)=\(time ?? member.value.text ?? "?")"
      }.sorted()
    }.joined(separator: "\n")
  }

  /// A signed call of AWS: names of headers, but neither dates nor signature.
  private static func decodedCall(_ token: String) -> String {
    let text = token.removingPercentEncoding ?? ""
    guard let json = try? JSONValue.parse(SecretBytes(text), limits: .payload) else {
      return "not JSON"
    }
    let headers = json.member("headers").map { Array($0.elements) } ?? []
    let names = headers.compactMap { header -> String? in
      let name = header.member("key")?.text?.lowercased() ?? ""
      let value = header.member("value")?.text ?? ""
      switch name {
      case "authorization":
        // Ours signs the pool's name along, as Google advises and its library for Go does.
        let parts = value.split(separator: "/")
        return "\(name)=\(parts.prefix(1)) \(parts.dropFirst(2).prefix(2))"
      case "x-amz-date": return name
      default: return "\(name)=\(value)"
      }
    }
    return ([json.member("method")?.text ?? "", json.member("url")?.text ?? ""] + names.sorted()).joined(
      separator: "\n")
  }

  var description: String {
    "\(line) \(query.sorted { $0 < $1 }) \(headers.sorted { $0 < $1 }) \(members.sorted { $0 < $1 })"
  }
}
