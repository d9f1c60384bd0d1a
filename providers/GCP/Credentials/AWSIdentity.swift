import AWSSigning
import EventLoop
import HTTPTransport
import JSONReader
import ProviderKit
import SecretBytes
import Text

/// An AWS role as a subject token: a signed call of AWS that Google itself makes, to see who signed it
/// (https://google.aip.dev/auth/4117#determining-the-subject-token-in-aws).
struct AWSIdentity: Sendable {
  let source: AWSIdentitySource
  let connection: OpenConnection
  /// The session of AWS's metadata service, which wants one for every call (IMDSv2).
  private var session: SecretBytes?

  init(source: AWSIdentitySource, connection: OpenConnection) {
    self.source = source
    self.connection = connection
  }

  mutating func token(for audience: String) async throws(ProviderFailure) -> SecretBytes {
    let region = try await region()
    let credentials = try await credentials()
    let text = source.verificationURL.split(separator: "{region}", omittingEmptySubsequences: false)
      .joined(separator: region)
    guard let url = try? HTTPURL(parsing: text) else {
      throw connection.failures.make(.denied, "regional_cred_verification_url of the credential file is not an address")
    }
    // Signed along, so that the call proves nothing to anybody but this pool's provider.
    let request = HTTPRequest(
      method: .post, url: url, headers: [HTTPHeader("x-goog-cloud-target-resource", audience)])
    let added = SignatureVersion4(region: region, service: "sts").headers(
      signing: request, with: credentials, at: connection.services.time.unixTime)
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
      json.member("key", header.name)
      json.name("value")
      json.string(header.value)
      json.endObject()
    }
    json.endArray()
    json.member("method", "POST")
    json.member("url", url)
    json.endObject()
    return json.finish().withUnsafeBytes { SecretBytes(PercentEncoding.encode($0, keeping: "/")) }
  }

  // MARK: - Region and credentials

  private mutating func region() async throws(ProviderFailure) -> String {
    var region =
      connection.text(of: GoogleVariable.awsRegion) ?? connection.text(of: GoogleVariable.awsDefaultRegion)
    if region == nil, let url = source.regionURL {
      // It answers with the availability zone: the region and a letter.
      region = try await ask(url, "the AWS region").unsafeString().map { String($0.dropLast()) }
    }
    guard let region else {
      throw connection.failures.make(
        .denied, "the AWS region is not known", hint: "set AWS_REGION, or give region_url in the credential file")
    }
    guard SecretParent.isRegion(region) else {
      throw connection.failures.make(.denied, "the AWS region is not the name of one")
    }
    return region
  }

  private mutating func credentials() async throws(ProviderFailure) -> AWSCredentials {
    let environment = connection.services.environment
    if let id = connection.text(of: GoogleVariable.awsAccessKeyID),
      let secret = try connection.credentialVariable(ifSet: GoogleVariable.awsSecretAccessKey)
    {
      return AWSCredentials(
        accessKeyID: id, secretAccessKey: secret,
        sessionToken: environment.read(GoogleVariable.awsSessionToken).secret)
    }
    guard let url = source.credentialsURL else {
      let absences = [GoogleVariable.awsAccessKeyID, GoogleVariable.awsSecretAccessKey].compactMap {
        environment.absence(of: $0)
      }
      throw connection.failures.make(
        .denied, "AWS credentials are not there: \(absences.joined(separator: ", "))",
        hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give url in the credential file")
    }
    guard
      let role = try await ask(url, "the AWS role").trimmed.unsafeString(), (1...128).contains(role.utf8.count),
      role.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") })
    else {
      throw connection.failures.make(.denied, "the machine has no AWS role, or its name is not one")
    }
    let answer = try await ask(url.appending(segment: role), "the AWS credentials")
    guard
      let json = try? JSONValue.parse(answer, limits: .payload), let id = json.member("AccessKeyId")?.text,
      let secret = json.member("SecretAccessKey")?.secret, !id.isEmpty, !secret.isEmpty
    else {
      throw connection.failures.make(.malformed, "the AWS metadata service gives no credentials")
    }
    return AWSCredentials(
      accessKeyID: id, secretAccessKey: secret.detached(), sessionToken: json.member("Token")?.secret?.detached())
  }

  // MARK: - AWS's metadata service

  private mutating func ask(_ url: HTTPURL, _ what: String) async throws(ProviderFailure) -> SecretBytes {
    let session = if let held = self.session { held } else { try await open(beside: url) }
    self.session = session
    return try await send(.get, url, HTTPHeader("X-aws-ec2-metadata-token", secret: session), what)
  }

  /// Older credential files do not name the session's address: then it is the metadata service's own.
  private func open(beside url: HTTPURL) async throws(ProviderFailure) -> SecretBytes {
    guard
      let address = source.sessionTokenURL
        ?? (try? HTTPURL(parsing: url.origin))?.appending(rawPath: "latest/api/token")
    else {
      throw connection.failures.make(.malformed, "the AWS metadata service has no address")
    }
    return try await send(.put, address, HTTPHeader("X-aws-ec2-metadata-token-ttl-seconds", "300"), "a session")
  }

  private func send(
    _ method: HTTPMethod, _ url: HTTPURL, _ header: HTTPHeader, _ what: String
  ) async throws(ProviderFailure) -> SecretBytes {
    try await connection.send(
      connection.request(method, url, [header]), by: .machine(url, connectTimeout: .seconds(2)),
      login: "the AWS metadata service"
    ) { response in
      guard response.status != 200 || response.body.isEmpty else {
        return .accept
      }
      let isPassing = response.status == 429 || (500...599).contains(response.status)
      return .fail(
        connection.failure(
          isPassing ? .transient : .denied, "the AWS metadata service does not give \(what)", response,
          from: .node))
    }.body
  }
}
