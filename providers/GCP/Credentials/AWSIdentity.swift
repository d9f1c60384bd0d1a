import AWSSigning
import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes

/// An AWS role as a subject token: a signed call of AWS that Google itself makes, to see who signed it
/// (https://google.aip.dev/auth/4117#determining-the-subject-token-in-aws).
struct AWSIdentity: Sendable {
  static let resourceHeader = "x-goog-cloud-target-resource"
  private static let sessionTokenPath = "latest/api/token"

  let source: AWSIdentitySource
  let calls: GoogleCalls
  let environment: GoogleEnvironment

  private var failures: FailureMaker { calls.failures }

  func token(for audience: String) async throws(ProviderFailure) -> SecretBytes {
    let sessions = MetadataSession(source: source)
    let region = try await region(sessions)
    let credentials = try await credentials(sessions)
    let text = source.verificationURL.replacingOccurrences(of: "{region}", with: region)
    guard let url = try? HTTPURL(parsing: text) else {
      throw failures.make(.denied, "regional_cred_verification_url of the credential file is not an address")
    }
    // Signed along, so that the call proves nothing to anybody but this pool's provider.
    let request = HTTPRequest(method: .post, url: url, headers: [HTTPHeader(Self.resourceHeader, audience)])
    let added = SignatureVersion4(region: region, service: "sts").headers(
      signing: request, with: credentials, at: calls.services.time.unixTime)
    return Self.serialized(text, request.headers + added + [HTTPHeader("host", url.authority)])
  }

  /// The call as JSON, percent-encoded.
  private static func serialized(_ url: String, _ headers: [HTTPHeader]) -> SecretBytes {
    var json = JSONWriter()
    json.beginObject()
    json.name("headers")
    json.beginArray()
    for header in headers {
      json.beginObject()
      json.name("key")
      json.string(header.name)
      json.name("value")
      json.string(header.value)
      json.endObject()
    }
    json.endArray()
    json.name("method")
    json.string("POST")
    json.name("url")
    json.string(url)
    json.endObject()
    return json.finish().withUnsafeBytes { SecretBytes(PercentEncoding.encode($0, keeping: "/")) }
  }

  // MARK: - Region and credentials

  private func region(_ sessions: MetadataSession) async throws(ProviderFailure) -> String {
    var region = GoogleVariable.awsRegions.compactMap { environment.text($0) }.first
    if region == nil, let url = source.regionURL {
      // It answers with the availability zone: the region and a letter.
      region = try await ask(url, sessions, "the AWS region").unsafeString().map { String($0.dropLast()) }
    }
    guard let region else {
      throw failures.make(
        .denied, "the AWS region is not known", hint: "set AWS_REGION, or give region_url in the credential file")
    }
    guard
      (1...40).contains(region.utf8.count),
      region.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "-") })
    else {
      throw failures.make(.denied, "the AWS region is not the name of one")
    }
    return region
  }

  private func credentials(_ sessions: MetadataSession) async throws(ProviderFailure) -> AWSCredentials {
    if let id = environment.text(GoogleVariable.awsAccessKeyID),
      let secret = environment.secret(GoogleVariable.awsSecretAccessKey)
    {
      return AWSCredentials(
        accessKeyID: id, secretAccessKey: secret, sessionToken: environment.secret(GoogleVariable.awsSessionToken))
    }
    guard let url = source.credentialsURL else {
      throw failures.make(
        .denied, "AWS credentials are not there: \(environment.absence(GoogleVariable.awsAccessKeyID))",
        hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give url in the credential file")
    }
    let role = try await ask(url, sessions, "the AWS role").trimmed.unsafeString() ?? ""
    guard
      (1...128).contains(role.utf8.count), role.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x2f })
    else {
      throw failures.make(.denied, "the machine has no AWS role, or its name is not one")
    }
    let answer = try await ask(url.appending(segment: role), sessions, "the AWS credentials")
    guard
      let json = try? JSONValue.parse(answer, limits: .payload), let id = json.member("AccessKeyId")?.text,
      let secret = json.member("SecretAccessKey")?.secret, !id.isEmpty, !secret.isEmpty
    else {
      throw failures.make(.malformed, "the AWS metadata service gives no credentials")
    }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret.detached(), sessionToken: json.member("Token")?.secret?.detached())
  }

  /// The session of AWS's metadata service, which wants one for every call (IMDSv2).
  private actor MetadataSession {
    private let source: AWSIdentitySource
    private var token: SecretBytes?

    init(source: AWSIdentitySource) {
      self.source = source
    }

    func headers(for url: HTTPURL, _ identity: AWSIdentity) async throws(ProviderFailure) -> [HTTPHeader] {
      if token == nil {
        token = try await identity.sessionToken(source.sessionTokenURL, beside: url)
      }
      return token.map { [HTTPHeader("X-aws-ec2-metadata-token", secret: $0)] } ?? []
    }
  }

  /// Older credential files do not name the session's address: then it is the metadata service's own.
  private func sessionToken(_ given: HTTPURL?, beside url: HTTPURL) async throws(ProviderFailure) -> SecretBytes {
    guard let address = given ?? (try? HTTPURL(parsing: url.origin))?.appending(rawPath: Self.sessionTokenPath) else {
      throw failures.make(.malformed, "the AWS metadata service has no address")
    }
    let header = HTTPHeader("X-aws-ec2-metadata-token-ttl-seconds", "300")
    return try await send(calls.request(.put, address, [header]), "a session")
  }

  private func ask(
    _ url: HTTPURL, _ sessions: MetadataSession, _ what: String
  ) async throws(ProviderFailure) -> SecretBytes {
    try await send(calls.request(.get, url, try await sessions.headers(for: url, self)), what)
  }

  private func send(_ request: HTTPRequest, _ what: String) async throws(ProviderFailure) -> SecretBytes {
    try await calls.send(request, to: .machine, connectTimeout: .seconds(2)) { response in
      guard response.status != 200 || response.body.isEmpty else {
        return .accept
      }
      let isPassing = response.status == 429 || (500...599).contains(response.status)
      return .fail(
        failures.make(
          isPassing ? .transient : .denied, "the AWS metadata service does not give \(what)", status: response.status))
    }.body
  }
}

extension String {
  /// Without Foundation.
  fileprivate func replacingOccurrences(of part: String, with other: String) -> String {
    split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
  }
}
