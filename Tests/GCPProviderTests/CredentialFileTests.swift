import Foundation
import JSONReader
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import GCPProvider

private let account = #""audience": "a", "subject_token_type": "t", "type": "external_account""#

private func workforce(_ audience: String) -> String {
  #"{"type": "external_account", "audience": "\#(audience)", "subject_token_type": "t", "#
    + #""credential_source": {"file": "/f"}, "workforce_pool_user_project": "123"}"#
}

@Test func aWorkforcePoolCountsOnAProject() throws {
  let text = workforce("//iam.googleapis.com/locations/global/workforcePools/p/providers/q")
  guard case .externalAccount(let account) = try CredentialFile.parse(SecretBytes(text)) else {
    throw UnexpectedSuccess()
  }
  #expect(account.userProject == "123")
}

@Test(arguments: [
  ("", "is not JSON"), ("{", "is not JSON"), ("[]", "is not a JSON object"), ("null", "is not a JSON object"),
  ("{}", "has no type"), (#"{"type": 1}"#, "has a type that is not a line of text"),
  (#"{"type": "external_account_authorized_user"}"#, "is of type external_account_authorized_user; known are"),
  (#"{"type": "service_account"}"#, "has no client_email"),
  (#"{"type": "service_account", "client_email": "a@b"}"#, "has no private_key"),
  (#"{"type": "service_account", "client_email": "a\nb"}"#, "has a client_email that is not a line of text"),
  (
    #"{"type": "service_account", "client_email": "a", "private_key": "hidden", "token_uri": "ftp://x"}"#,
    "has a token_uri that is not an address: only http and https are known"
  ),
  (
    #"{"type": "service_account", "client_email": "a", "private_key": "hidden", "token_uri": "https://u:hidden@x"}"#,
    "has a token_uri that is not an address: it must not hold a user or password"
  ),
  (#"{"type": "service_account", "universe_domain": "other.example"}"#, "is for the universe other.example"),
  (#"{"type": "authorized_user", "client_id": "c"}"#, "has no client_secret"),
  (#"{"type": "authorized_user", "client_id": "c", "client_secret": "hidden"}"#, "has no refresh_token"),
  (
    #"{"type": "authorized_user", "client_id": "c", "client_secret": "hidden", "refresh_token": "r", "rapt_token": 1}"#,
    "has a rapt_token that is not text"
  ),
  (
    workforce("//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"),
    "no workforce pool"
  ),
  (workforce("//iam.googleapis.com/locations//workforcePools/p/providers/q"), "no workforce pool"),
  (workforce("https://iam.googleapis.com/locations/global/workforcePools/p/providers/q"), "no workforce pool"),
  ("{\(account)}", "has no credential_source"),
  (#"{\#(account), "credential_source": []}"#, "has no credential_source"),
  (#"{\#(account), "credential_source": {}}"#, "neither a file nor a url"),
  (#"{\#(account), "credential_source": {"file": "/f", "url": "https://x"}}"#, "neither a file nor a url"),
  (#"{\#(account), "credential_source": {"executable": {"command": "hidden"}}}"#, "wants a program to be run"),
  (#"{\#(account), "credential_source": {"certificate": {}}}"#, "wants a client certificate"),
  (#"{\#(account), "credential_source": {"environment_id": "aws2"}}"#, "unknown environment_id aws2"),
  (#"{\#(account), "credential_source": {"environment_id": "aws1"}}"#, "has no regional_cred_verification_url"),
  (
    #"{\#(account), "credential_source": {"file": "/f", "format": {"type": "xml"}}}"#,
    "unknown credential_source.format"
  ),
  (#"{\#(account), "credential_source": {"file": "/f", "format": {"type": "json"}}}"#, "no subject_token_field_name"),
  (#"{\#(account), "credential_source": {"url": "https://x", "headers": {"a": 1}}}"#, "headers that are not texts"),
  (
    #"{\#(account), "credential_source": {"file": "/f"}, "service_account_impersonation_url": "https://x/y"}"#,
    "not of generateAccessToken"
  ),
  (#"{"type": "impersonated_service_account"}"#, "has no source_credentials"),
  (
    #"{"type": "impersonated_service_account", "source_credentials": {}}"#,
    "has no service_account_impersonation_url"
  ),
])
func faultyCredentialFilesSayWhatIsWrong(_ text: String, _ words: String) {
  let fault = #expect(throws: CredentialFault.self) { try CredentialFile.parse(SecretBytes(text)) }
  #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "")")
  #expect(fault?.message.contains("hidden") == false)
}

@Test func aChainOfAccountsIsBounded() {
  func chain(_ length: Int) -> String {
    guard length > 0 else {
      return #"{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}"#
    }
    return #"{"type": "impersonated_service_account", "service_account_impersonation_url": "#
      + #""https://x/a:generateAccessToken", "source_credentials": \#(chain(length - 1))}"#
  }
  #expect(throws: Never.self) { try CredentialFile.parse(SecretBytes(chain(CredentialFile.longestChain))) }
  for length in [CredentialFile.longestChain + 1, 20, 80] {
    #expect(throws: CredentialFault.self) { try CredentialFile.parse(SecretBytes(chain(length))) }
  }
}

@Test func aFileThatCannotBeUsedIsToldWithItsPath() throws {
  let environment = ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/none.json"]
  try GCPScene.run(auth: nil, environment: environment) { (scene: GCPScene) async throws in
    #expect(
      try await scene.failure("db").message
        == "GOOGLE_APPLICATION_CREDENTIALS: \(scene.folder)/none.json does not exist")
    try scene.write("{}", to: "none.json")
    #expect(try await scene.failure("db").message.hasSuffix("none.json has no type"))
  }
  try GCPScene.run(auth: #"{"service_account_key_file": "FOLDER/user.json"}"#) { fake, folder in
    try write(fake.addUser("person", refreshToken: "r"), to: "\(folder)/user.json")
  } _: { (scene: GCPScene) async throws in
    #expect(try await scene.failure("db").line.contains("user.json is not of type service_account"))
  }
  try GCPScene.run(auth: #"{"method": "workload_identity", "path": "FOLDER/key.json"}"#) {
    (scene: GCPScene) async throws in
    #expect(try await scene.failure("db").line.contains("key.json is not of type external_account"))
  }
}

@Test(arguments: [
  "hidden", "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n",
  // Encrypted: libcrypto must not ask a terminal for its password.
  """
  -----BEGIN ENCRYPTED PRIVATE KEY-----
  MIIBvTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIhiddenhidden
  -----END ENCRYPTED PRIVATE KEY-----
  """,
])
func aKeyThatIsNoneIsDenied(_ key: String) throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    let escaped = key.replacing("\n", with: "\\n")
    try write(
      #"{"type": "service_account", "client_email": "a@b", "private_key": "\#(escaped)", "token_uri": "\#(scene.fake.tokenURL)"}"#,
      to: "\(scene.folder)/key.json")
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied)
    #expect(failure.message == "the private_key of a@b is not an RSA key in PEM without a password")
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func keysOfAnotherKindAreDenied() throws {
  let key = try JWTKey(.es256)
  #expect(throws: RSASigner.Fault.notAKey) {
    try RSASigner.sign(SecretBytes("x"), key: SecretBytes(key.privatePEM))
  }
  #expect(throws: RSASigner.Fault.notAKey) { try RSASigner.sign(SecretBytes("x"), key: SecretBytes()) }
}

@Test func thePolicyBoundsFilesVariablesAndAddresses() throws {
  var policy = NodePolicy.personal
  policy.credentialFiles = .beneath(["/etc/none"])
  try GCPScene.run(policy: policy) { (scene: GCPScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.kind == .policy)
    #expect(failure.line.contains("rule `credential_files`"))
  }
  policy = .personal
  policy.environment = .matching(["GCE_*", "CLOUDSDK_*"])
  try GCPScene.run(
    auth: #"{"method": "default"}"#, policy: policy,
    environment: [
      "GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/key.json", "GCE_METADATA_HOST": "", "NO_GCE_CHECK": "true",
      "GCE_METADATA_IP": "127.0.0.1:1",
    ]
  ) { (scene: GCPScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.line.contains("the variable GOOGLE_APPLICATION_CREDENTIALS may not be read (rule `environment`"))
  }
  policy = .personal
  policy.addresses = [AddressPattern(host: "*.googleapis.com")]
  try GCPScene.run(policy: policy) { (scene: GCPScene) async throws in
    // A key file may name any token endpoint; the policy says which gets the JWT.
    #expect(try await scene.failure("db").line.contains("127.0.0.1:\(scene.fake.server.port) is not among the allowed"))
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func onlyTheMachinesOwnAddressesServeWithoutTLS() throws {
  for (host, words) in [
    ("metadata.example", "needs https"), ("user@metadata", "is not a host"), ("127.0.0.1/x", "is not a host"),
  ] {
    try GCPScene.run(auth: #"{"method": "metadata"}"#, environment: ["GCE_METADATA_HOST": host]) {
      (scene: GCPScene) async throws in
      #expect(try await scene.failure("db").line.contains(words))
    }
  }
}

@Test(arguments: [
  "{}", #"{"access_token": ""}"#, #"{"access_token": 1}"#, #"{"access_token": "a b"}"#, #"{"access_token": "a\nb"}"#,
  #"{"access_token": "ü"}"#, #"{"access_token": "t", "expires_in": 0}"#, #"{"access_token": "t", "expires_in": -5}"#,
  #"{"access_token": "t", "expires_in": "soon"}"#, #"{"access_token": "t", "expires_in": 1.5}"#,
  #"{"access_token": "t", "expires_in": 99999999999999999999}"#, #"{"access_token": "t", "token_type": "mac"}"#,
  #"{"access_token": "\#(String(repeating: "t", count: 20_000))"}"#,
])
func answersWithoutAUsableTokenAreNone(_ text: String) throws {
  let json = try JSONValue.parse(SecretBytes(text), limits: .payload)
  #expect(GoogleAccessToken(json, issuedAt: .init(nanoseconds: 0), principal: "p", quotaProject: nil) == nil)
}

@Test func livesOfTokensAreBounded() throws {
  for (text, seconds) in [
    (#"{"access_token": "t", "expires_in": "120"}"#, 120), (#"{"access_token": "t"}"#, 3600),
    (#"{"access_token": "t", "expires_in": 9223372036854775807}"#, 31_536_000),
  ] as [(String, Int64)] {
    let json = try JSONValue.parse(SecretBytes(text), limits: .payload)
    let token = GoogleAccessToken(json, issuedAt: .init(nanoseconds: 0), principal: "p", quotaProject: nil)
    #expect(token?.lifetime == .seconds(seconds))
    #expect(token.map { $0.renewAt < $0.until } == true)
  }
}
