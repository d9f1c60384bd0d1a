import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import AWSProvider

@Suite struct CredentialSourceTests {
  private let scene: CredentialScene

  init() throws {
    scene = try CredentialScene()
  }

  // MARK: - The document's keys

  @Test func takesTheDocumentsKeys() async throws {
    let resolved = try await scene.resolve(
      #", "auth": {"method": "static", "access_key_id": "AK", "secret_access_key": "s", "session_token": "t"}"#)
    #expect(resolved.credentials.accessKeyID == "AK")
    #expect(resolved.credentials.secretAccessKey.equals("s"))
    #expect(resolved.credentials.sessionToken?.equals("t") == true)
  }

  @Test func takesAProfileOfTheCredentialsFileThatTheDocumentNames() async throws {
    try scene.write(
      "keys",
      "[default]\naws_access_key_id = D\naws_secret_access_key = d\n[web]\naws_access_key_id = AK\naws_secret_access_key = s3cret\n"
    )
    try scene.write(".aws/credentials", "[web]\naws_access_key_id = OTHER\naws_secret_access_key = o\n")
    let path = scene.path("keys")
    let resolved = try await scene.resolve(#", "profile": "web", "auth": {"path": "\#(path)"}"#)
    #expect(resolved.credentials.accessKeyID == "AK")
    #expect(resolved.credentials.secretAccessKey.equals("s3cret"))
    #expect(try await scene.resolve(#", "auth": {"path": "\#(path)"}"#).credentials.accessKeyID == "D")
    let failure = try await scene.failure(#", "auth": {"path": "\#(path).none"}"#)
    #expect(failure?.line.contains("auth.path") == true)
    #expect(failure?.line.contains("does not exist") == true)
  }

  // MARK: - Nothing

  @Test func tellsOfThePolicysRefusals() async throws {
    scene.policy = .strict
    scene.environment["AWS_ACCESS_KEY_ID"] = "AK"
    scene.environment["AWS_SECRET_ACCESS_KEY"] = "s"
    try scene.write(".aws/credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = s\n")
    let line = try #require(try await scene.failure()).line
    #expect(line.contains("the variable AWS_ACCESS_KEY_ID may not be read (rule `environment`"))
    #expect(line.contains("credentials is refused: it lies outside the allowed folders"))
  }

  @Test func readsWhatThePolicyOpens() async throws {
    scene.policy = .strict
    scene.policy.credentialFiles = .beneath([scene.folder.path])
    try scene.write(".aws/credentials", "[default]\naws_access_key_id = AKF\naws_secret_access_key = s\n")
    #expect(try await scene.resolve().credentials.accessKeyID == "AKF")
    scene.policy.environment = .matching(["AWS_*"])
    scene.environment["AWS_ACCESS_KEY_ID"] = "AKE"
    scene.environment["AWS_SECRET_ACCESS_KEY"] = "s"
    #expect(try await scene.resolve().source == "environment")
  }

  // MARK: - Profiles

  private func profile(_ text: String, over transport: any HTTPSending = ScriptedTransport.silent) async throws
    -> String
  {
    try scene.write(".aws/config", text)
    return try await scene.failure(#", "profile": "x""#, over: transport)?.line ?? ""
  }

  @Test(arguments: [
    ("role_arn = arn\nsource_profile = x\nmfa_serial = arn:aws:iam::1:mfa/me", "mfa_serial asks for a code"),
    ("role_arn = arn\nsource_profile = none", "its source_profile none does not exist"),
    ("role_arn = arn\nsource_profile = x", "its source_profile leads in a circle: x → x"),
    ("role_arn = arn\nsource_profile = x\nduration_seconds = 60", "duration_seconds is not a number from 900 to 43200"),
    ("role_arn = arn", "role_arn needs source_profile or credential_source"),
    ("role_arn = arn\ncredential_source = Moon", "credential_source Moon is not known"),
    ("role_arn = arn\ncredential_source = Environment", "gave nothing: AWS_ACCESS_KEY_ID is not set"),
    ("sso_account_id = 1\nsso_role_name = r", "IAM Identity Center (sso_…)"), ("login_session = x", "login_session"),
    ("web_identity_token_file = /x", "web_identity_token_file needs role_arn"),
    ("aws_access_key_id = A", "belong together"), ("region = x", "profile x has no credentials"),
  ])
  func saysWhatIsWrongWithAProfile(text: String, expected: String) async throws {
    let line = try await profile("[profile x]\n\(text)\n")
    #expect(line.contains(expected), "\(line)")
  }

  @Test func refusesLongRowsOfRoles() async throws {
    let rows = (0..<20).map { "[profile p\($0)]\nrole_arn = a\nsource_profile = p\($0 + 1)\n" }.joined()
    #expect(
      try await profile("[profile x]\nrole_arn = a\nsource_profile = p0\n\(rows)").contains("more than 8 profiles"))
  }

  @Test func neverShowsTheSecretOfAFileThatDoesNotParse() async throws {
    let line = try await profile("[profile x]\naws_secret_access_key = hunter2\nhunter3\n")
    #expect(line.contains("line 3"))
    #expect(!line.contains("hunter"))
  }

  // MARK: - STS

  @Test func takesARoleWithTheKeysOfItsSource() async throws {
    try scene.write(
      ".aws/config",
      "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = b\nexternal_id = e&x\n"
        + "[profile b]\naws_access_key_id = AKB\naws_secret_access_key = s\n")
    let sts = ScriptedTransport.sts("ASIA9")
    let resolved = try await scene.resolve(#", "profile": "x", "endpoint_url": "https://evil.example""#, over: sts)
    #expect(resolved.credentials.accessKeyID == "ASIA9")
    #expect(resolved.source == "role arn:aws:iam::123456789012:role/r of profile x")
    let request = try #require(sts.requests.first)
    #expect(request.url.description == "https://sts.eu-central-1.amazonaws.com/")
    let body = request.body?.unsafeString() ?? ""
    #expect(
      body.hasPrefix("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&"))
    #expect(body.hasSuffix("&RoleSessionName=secrets-agent&ExternalId=e%26x"))
    let authorization = request.headers.first { $0.name == "Authorization" }?.value.unsafeString() ?? ""
    #expect(authorization.contains("Credential=AKB/20270115/eu-central-1/sts/aws4_request"))
  }

  @Test func sendsAWebIdentityUnsignedAndReadsItsFileEachTime() async throws {
    try scene.write("jwt", "first.jwt\n")
    let sts = ScriptedTransport.sts(expiration: "2027-01-15T09:00:00Z")
    let session = try scene.session(
      #", "auth": {"method": "web_identity", "role_arn": "arn:r", "token_file": "\#(scene.path("jwt"))"}"#, over: sts)
    _ = try await session.current()
    try scene.write("jwt", "second.jwt\n")
    // So late that callers wait for the new one.
    scene.time.advance(by: .seconds(3580))
    _ = try await session.current()
    #expect(sts.requests.allSatisfy { request in !request.headers.contains { $0.name == "Authorization" } })
    #expect(sts.requests.first?.body?.unsafeString()?.hasSuffix("&WebIdentityToken=first.jwt") == true)
    #expect(sts.requests.last?.body?.unsafeString()?.hasSuffix("&WebIdentityToken=second.jwt") == true)
  }

  @Test(arguments: [
    (403, "AccessDenied", ProviderFailure.Class.denied, "trust policy"),
    (400, "ExpiredTokenException", .denied, "renew the token"), (400, "InvalidIdentityToken", .denied, "audience"),
    (400, "Throttling", .throttled, "Throttling"), (400, "IDPCommunicationError", .transient, "IDPCommunicationError"),
    (500, "InternalFailure", .transient, "InternalFailure"), (404, "NotFound", .malformed, "endpoint is STS"),
  ])
  func saysWhatSTSRefused(status: Int, code: String, kind: ProviderFailure.Class, words: String) async throws {
    try scene.write("jwt", "hunter2")
    let sts = ScriptedTransport.answering(["POST /": (status, STSBody.error(code, "token hunter2 is bad"))])
    let failure = try #require(
      try await scene.failure(
        #", "auth": {"method": "web_identity", "role": "arn:r", "token_file": "\#(scene.path("jwt"))"}"#, over: sts))
    #expect(failure.kind == kind)
    #expect(failure.line.contains(words), "\(failure.line)")
    #expect(!failure.line.contains("hunter2"))
  }

  @Test func signsAnewByTheServersClockOnce() async throws {
    try scene.write(
      ".aws/config",
      "[profile x]\nrole_arn = arn:r\nsource_profile = x\naws_access_key_id = A\naws_secret_access_key = s\n")
    let sts = ScriptedTransport { request, number in
      let isLate = number == 0
      let body = isLate ? STSBody.error("SignatureDoesNotMatch", "Signature expired: x") : STSBody.assumeRole("ASIA1")
      return .success(
        HTTPResponse(
          status: isLate ? 403 : 200, headers: HTTPFields([("Date", "Fri, 15 Jan 2027 10:00:00 GMT")]),
          body: SecretBytes(body)))
    }
    #expect(try await scene.resolve(#", "profile": "x""#, over: sts).credentials.accessKeyID == "ASIA1")
    let dates = sts.requests.map { $0.headers.first { $0.name == "X-Amz-Date" }?.value.unsafeString() }
    #expect(dates == ["20270115T080000Z", "20270115T100000Z"])
  }

  // MARK: - Regions

  @Test(arguments: ["", "x.evil.com/", "EU-central-1", "a b", "-a", "a-", String(repeating: "a", count: 64), "é"])
  func refusesRegionsThatAreNoLabels(region: String) {
    #expect(throws: DocumentFaults.self) {
      try ProviderConnection.testing(
        #"{"provider": "aws_secrets_manager", "region": "\#(region)"}"#, by: SecretsManagerProvider.descriptor)
    }
  }
}
