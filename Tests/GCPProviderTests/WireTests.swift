import Foundation
import ProviderFakes
import TestSupport
import Testing

@testable import GCPProvider

private let pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
private let reader = "reader@demo-project.iam.gserviceaccount.com"

/// Each login and the read after it, sent by Google's library and by ours to the same fake: the requests are the same.
///
/// Left out are the library's own telemetry headers, and its look-ups of the project's id and the account's name, which ours does not
/// need.
@Suite(.enabled(if: GooglesLibraries.python != nil, "SECRETS_AGENT_PYTHON names no Python"))
struct WireTests {
  /// Holds the requests of both against each other.
  private func compare(
    file: String?, auth: String? = nil, environment: [String: String] = [:], scopes: Bool = true,
    impersonating: String? = nil, requests: Int, prepare: @escaping @Sendable (GCPFake, String) throws -> Void
  ) throws {
    var variables = ["HOME": "FOLDER/home"].merging(environment) { $1 }
    if let file {
      variables["GOOGLE_APPLICATION_CREDENTIALS"] = "FOLDER/\(file)"
    }
    try GCPScene.run(auth: auth, environment: variables, prepare: prepare) {
      [variables] (scene: GCPScene) async throws in
      let place = { (text: String) in
        text.replacing("FOLDER", with: scene.folder).replacing("FAKE", with: scene.fake.address)
      }
      // The library counts on the machine's clock.
      let now = Int64(Date().timeIntervalSince1970)
      scene.fake.setClock(unixTime: now)
      let own = [
        "FAKE_ADDRESS": scene.fake.address, "GCE_METADATA_HOST": scene.fake.metadataHost,
        "GCE_METADATA_IP": scene.fake.metadataHost,
      ]
      let value = try GooglesLibraries.read(
        environment: variables.mapValues(place).merging(own) { $1 }, scopes: scopes, impersonating: impersonating)
      #expect(value == "p@ss")
      let lookups = ["/", "/computeMetadata/v1/project/project-id", "/computeMetadata/v1/universe/universe-domain"]
      var theirs = scene.fake.recorder.requests.filter {
        !lookups.contains($0.path) && !$0.path.hasSuffix("/service-accounts/default/")
      }.map { WireRequest($0, from: now) }
      // It opens two sessions at AWS's metadata service where one does.
      if let second = theirs.lastIndex(where: { $0.line == "PUT /latest/api/token" }), second > 0 {
        theirs.remove(at: second)
      }
      scene.fake.setClock(unixTime: scene.time.unixTime)
      scene.fake.recorder.reset()
      #expect(try await scene.read("db") == "p@ss")
      let ours = scene.fake.recorder.requests.map { WireRequest($0, from: scene.time.unixTime) }
      #expect(ours == theirs)
      #expect(ours.count == requests)
    }
  }

  @Test func aServiceAccountsJWTGoesAsTheLibrarySendsIt() throws {
    try compare(file: "key.json", requests: 2) { _, _ in }
  }

  @Test func aQuotaProjectGoesAsTheLibrarySendsIt() throws {
    try compare(file: "key.json", environment: ["GOOGLE_CLOUD_QUOTA_PROJECT": GCPFake.project], requests: 2) { _, _ in }
  }

  @Test func aRefreshTokenGoesAsTheLibrarySendsIt() throws {
    try compare(file: "user.json", scopes: false, requests: 2) { fake, folder in
      try write(fake.addUser("person@example.com", refreshToken: "1//re+fre/sh"), to: "\(folder)/user.json")
    }
  }

  @Test func aProofOfReauthenticationGoesAsTheLibrarySendsIt() throws {
    try compare(file: "user.json", scopes: false, requests: 2) { fake, folder in
      let file = fake.addUser("person@example.com", refreshToken: "1//refresh")
      try write(String(file.dropLast()) + #","rapt_token":"AEjHL4+/="}"#, to: "\(folder)/user.json")
    }
  }

  @Test func gcloudsFileIsFoundWhereTheLibraryFindsIt() throws {
    try compare(file: nil, scopes: false, requests: 2) { fake, folder in
      try FileManager.default.createDirectory(
        atPath: "\(folder)/home/.config/gcloud", withIntermediateDirectories: true)
      let file = fake.addUser("person@example.com", refreshToken: "1//refresh")
      try write(
        String(file.dropLast()) + #","quota_project_id":"demo-project"}"#,
        to: "\(folder)/home/.config/gcloud/application_default_credentials.json")
    }
  }

  @Test func theMetadataServerIsAskedAsTheLibraryAsks() throws {
    try compare(file: nil, requests: 2) { _, _ in }
  }

  @Test func aFederatedTokenGoesAsTheLibrarySendsIt() throws {
    let key = try GCPScene.key.get()
    try compare(file: "external.json", requests: 2) { fake, folder in
      try Self.federate(fake, key, folder, source: #"{"file": "\#(folder)/token"}"#)
    }
  }

  @Test func aServedTokenIsAskedForAsTheLibraryAsks() throws {
    let key = try GCPScene.key.get()
    try compare(file: "external.json", requests: 3) { fake, folder in
      fake.serveSubjectToken(#"{"t": "\#(try Self.token(key))"}"#, header: ("Metadata", "true"))
      try Self.federate(
        fake, key, folder,
        source: #"""
          {"url": "\#(fake.subjectTokenURL)", "headers": {"Metadata": "true"},
           "format": {"type": "json", "subject_token_field_name": "t"}}
          """#, client: "id:se/cret", more: #", "client_id": "id", "client_secret": "se/cret""#)
    }
  }

  @Test func aFederatedIdentityActsAsTheLibraryDoes() throws {
    let key = try GCPScene.key.get()
    try compare(file: "external.json", requests: 3) { fake, folder in
      fake.allow("principal:\(pool)/subject/node", toActAs: reader)
      let url = "\(fake.address)/v1/projects/-/serviceAccounts/\(reader):generateAccessToken"
      try Self.federate(
        fake, key, folder, source: #"{"file": "\#(folder)/token"}"#,
        more: #", "quota_project_id": "demo-project", "service_account_impersonation_url": "\#(url)""#)
    }
  }

  @Test func anAWSRoleGoesAsTheLibrarySendsIt() throws {
    let environment = [
      "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session/+=",
      "AWS_REGION": "us-east-2",
    ]
    try compare(file: "external.json", environment: environment, requests: 2) { fake, folder in
      try Self.federateAWS(fake, folder)
    }
  }

  @Test func anAWSMachineIsAskedForItsRole() throws {
    try compare(file: "external.json", requests: 6) { fake, folder in
      fake.startAWSMachine(GCPFakeAWSMachine(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "secret"))
      try Self.federateAWS(fake, folder)
    }
  }

  @Test func anImpersonatedAccountsFileGoesAsTheLibrarySendsIt() throws {
    try compare(file: "impersonated.json", requests: 3) { fake, folder in
      let user = fake.addUser("person@example.com", refreshToken: "1//refresh")
      fake.allow("person@example.com", toActAs: "middle@x")
      fake.allow("middle@x", toActAs: reader)
      try write(
        #"""
        {"type": "impersonated_service_account", "delegates": ["projects/-/serviceAccounts/middle@x"],
         "service_account_impersonation_url":
           "\#(fake.address)/v1/projects/-/serviceAccounts/\#(reader):generateAccessToken",
         "source_credentials": \#(user)}
        """#, to: "\(folder)/impersonated.json")
    }
  }

  @Test func actingAsAnotherAccountGoesAsTheLibrarySendsIt() throws {
    let auth = #"{"impersonate_service_account": "\#(reader)"}"#
    try compare(file: "key.json", auth: auth, impersonating: reader, requests: 3) { fake, _ in
      fake.allow(GCPScene.account, toActAs: reader)
    }
    try compare(file: nil, auth: auth, impersonating: reader, requests: 3) { fake, _ in
      fake.allow("node@demo-project.iam.gserviceaccount.com", toActAs: reader)
    }
  }

  // MARK: - Files

  private static func token(_ key: JWTKey) throws -> String {
    try key.token(
      claims: #"{"iss": "https://issuer.example", "sub": "node", "aud": "https:\#(pool)", "exp": 4000000000}"#)
  }

  private static func federate(
    _ fake: GCPFake, _ key: JWTKey, _ folder: String, source: String, client: String? = nil, more: String = ""
  ) throws {
    fake.addPool(GCPIdentityPool(audience: pool, publicKeys: [key.publicPEM], client: client))
    try write(token(key), to: "\(folder)/token")
    try write(
      #"""
      {"type": "external_account", "audience": "\#(pool)", "token_url": "\#(fake.exchangeURL)",
       "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": \#(source)\#(more)}
      """#, to: "\(folder)/external.json")
  }

  private static func federateAWS(_ fake: GCPFake, _ folder: String) throws {
    fake.addPool(GCPIdentityPool(audience: pool, awsKeys: ["AKIDEXAMPLE": "secret"]))
    try write(
      #"""
      {"type": "external_account", "audience": "\#(pool)", "token_url": "\#(fake.exchangeURL)",
       "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
       "credential_source": {"environment_id": "aws1",
         "imdsv2_session_token_url": "\#(fake.address)/latest/api/token",
         "region_url": "\#(fake.address)/latest/meta-data/placement/availability-zone",
         "url": "\#(fake.address)/latest/meta-data/iam/security-credentials",
         "regional_cred_verification_url":
           "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}}
      """#, to: "\(folder)/external.json")
  }
}
