import EventLoop
import Foundation
import NodePolicy
import ProviderFakes
import ProviderKit
import TestSupport
import Testing

@testable import GCPProvider

private let pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"

/// A credential file of type external_account, with more of its members in `more`.
private func externalAccount(_ fake: GCPFake, source: String, more: String = "") -> String {
  #"""
  {"type": "external_account", "audience": "\#(pool)", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
   "token_url": "\#(fake.exchangeURL)", "credential_source": \#(source)\#(more)}
  """#
}

private func subjectToken(_ key: JWTKey, audience: String = "https:" + pool, expires: Int = 4_000_000_000) throws
  -> String
{
  try key.token(
    claims: #"{"iss":"https://issuer.example","sub":"node","aud":"\#(audience)","exp":\#(expires)}"#)
}

@Test func aServiceAccountsKeyLogsIn() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    #expect(
      scene.fake.recorder.requests.map(\.line) == [
        "POST /token", "GET /v1/projects/demo-project/secrets/db/versions/latest:access",
      ])
    let report = try await scene.connect().provider.logIn()
    #expect(report.identity == "service account \(GCPScene.account)")
    #expect(report.lifetime == .seconds(3600))
  }
}

@Test func theFieldsTellTheMethod() throws {
  try GCPScene.run { (scene: GCPScene) async throws in
    func method(_ auth: String) throws -> String? { try scene.connect(auth: auth).connection.values.method }
    #expect(try method("{}") == "default")
    #expect(try method(#"{"impersonate_service_account": "a@b"}"#) == "default")
    #expect(try method(#"{"service_account_key_file": "/k"}"#) == "service_account_key")
    #expect(try method(#"{"path": "/k", "impersonate_service_account": "a@b"}"#) == "file")
    #expect(try method(#"{"method": "metadata"}"#) == "metadata")
  }
}

@Test func applicationDefaultCredentialsGoInGooglesOrder() throws {
  let environment = ["HOME": "FOLDER/home", "GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/key.json"]
  try GCPScene.run(auth: nil, environment: environment) { (scene: GCPScene) async throws in
    #expect(try await scene.connect().provider.logIn().identity == "service account \(GCPScene.account)")
  }
  // gcloud's file, at home or where CLOUDSDK_CONFIG says.
  for (environment, folder) in [
    (["HOME": "FOLDER/home"], "home/.config/gcloud"), (["HOME": "/none", "CLOUDSDK_CONFIG": "FOLDER/sdk"], "sdk"),
  ] {
    try GCPScene.run(auth: nil, environment: environment) { fake, root in
      try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
      try write(
        fake.addUser("person@example.com", refreshToken: "1//refresh"),
        to: "\(root)/\(folder)/application_default_credentials.json")
    } _: { (scene: GCPScene) async throws in
      #expect(try await scene.connect().provider.logIn().identity == "user")
      #expect(try await scene.read("db") == "p@ss")
    }
  }
  try GCPScene.run(auth: nil, environment: ["HOME": "FOLDER/home"]) { (scene: GCPScene) async throws in
    #expect(try await scene.connect().provider.logIn().identity == "the machine's service account")
    #expect(try await scene.read("db") == "p@ss")
  }
}

@Test func aMetadataServerIsTakenForOneOnlyByItsHeader() throws {
  // Probed at the address of GCE_METADATA_IP, since no host is named.
  let environment = ["GCE_METADATA_HOST": "", "GCE_METADATA_IP": "127.0.0.1:1"]
  try GCPScene.run(auth: nil, environment: environment) { (scene: GCPScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied)
    #expect(
      failure.line.contains("GOOGLE_APPLICATION_CREDENTIALS is not set, HOME is not set, no metadata server answers"))
  }
  try GCPScene.run(auth: #"{"method": "metadata"}"#) { (scene: GCPScene) async throws in
    scene.fake.faults.add(.html(200), on: "GET /computeMetadata/*")
    let failure = try await scene.failure("db")
    #expect(failure.kind == .malformed)
    #expect(failure.message == "what answers is not Google's metadata server")
  }
  try GCPScene.run(auth: #"{"method": "metadata"}"#) { (scene: GCPScene) async throws in
    scene.fake.assignMachineAccount(nil)
    #expect(try await scene.failure("db").message == "the machine has no service account")
    #expect(
      scene.logins.allSatisfy { $0.headers["metadata-flavor"] == "Google" && $0.headers["x-forwarded-for"] == nil })
  }
}

@Test func theMetadataServerIsProbedWhereNothingElseIsThere() throws {
  try GCPScene.run(auth: nil, environment: ["GCE_METADATA_HOST": ""]) { (scene: GCPScene) async throws in
    let variables = ["GCE_METADATA_IP": scene.fake.metadataHost]
    let services = scene.services
    let environment = NodeEnvironment(policy: .personal) { variables[$0].map { .init($0) } }
    let server = MetadataServer(
      connection: OpenConnection(
        named: "p",
        services: ProviderServices(
          transport: services.transport, time: services.time, environment: environment, policy: .personal,
          log: services.log, executor: services.executor)))
    #expect(try await server.isThere())
    scene.fake.faults.add(.html(200), on: "GET /")
    #expect(try await !server.isThere())
  }
}

@Test func noMetadataServerIsAskedWhereTheEnvironmentSaysSo() throws {
  try GCPScene.run(auth: nil, environment: ["GCE_METADATA_HOST": "", "NO_GCE_CHECK": "true"]) {
    (scene: GCPScene) async throws in
    #expect(try await scene.failure("db").line.contains("NO_GCE_CHECK says that there is no metadata server"))
    #expect(scene.fake.recorder.requests.isEmpty)
  }
}

@Test func aFederatedTokenComesFromAFile() throws {
  let key = try GCPScene.key.get()
  for (token, format) in [
    ("TOKEN\n", ""), (#"{"value": "TOKEN"}"#, #", "format": {"type": "json", "subject_token_field_name": "value"}"#),
  ] {
    try GCPScene.run(auth: #"{"path": "FOLDER/external.json"}"#) { fake, folder in
      fake.addPool(GCPIdentityPool(audience: pool, publicKeys: [key.publicPEM]))
      try write(token.replacing("TOKEN", with: subjectToken(key)), to: "\(folder)/token")
      try write(
        externalAccount(fake, source: #"{"file": "\#(folder)/token"\#(format)}"#), to: "\(folder)/external.json")
    } _: { (scene: GCPScene) async throws in
      #expect(try await scene.read("db") == "p@ss")
      #expect(scene.fake.recorder.requests.map(\.path).first == "/v1/token")
      #expect(try await scene.connect().provider.logIn().identity == "workload identity of p/providers/q")
    }
  }
}

@Test func aFederatedTokenComesFromAnAddressWithItsHeaders() throws {
  let key = try GCPScene.key.get()
  try GCPScene.run(auth: nil, environment: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/external.json"]) { fake, folder in
    fake.addPool(GCPIdentityPool(audience: pool, publicKeys: [key.publicPEM], client: "id:secret"))
    fake.serveSubjectToken(
      #"{"access_token": "\#(try subjectToken(key, audience: pool))"}"#, header: ("Metadata", "true"))
    try write(
      externalAccount(
        fake,
        source: #"""
          {"url": "\#(fake.subjectTokenURL)", "headers": {"Metadata": "true"},
           "format": {"type": "json", "subject_token_field_name": "access_token"}}
          """#, more: #", "client_id": "id", "client_secret": "secret""#), to: "\(folder)/external.json")
  } _: { (scene: GCPScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
  }
}

@Test func aFederatedIdentityActsAsTheAccountOfItsFile() throws {
  let key = try GCPScene.key.get()
  let reader = "reader@demo-project.iam.gserviceaccount.com"
  try GCPScene.run(auth: #"{"method": "workload_identity", "path": "FOLDER/external.json"}"#) {
    fake, folder in
    fake.addPool(GCPIdentityPool(audience: pool, publicKeys: [key.publicPEM]))
    fake.allow("principal:\(pool)/subject/node", toActAs: reader)
    try write(subjectToken(key), to: "\(folder)/token")
    let url = "\(fake.address)/v1/projects/-/serviceAccounts/\(reader):generateAccessToken"
    try write(
      externalAccount(
        fake, source: #"{"file": "\#(folder)/token"}"#,
        more: #"""
          , "service_account_impersonation_url": "\#(url)",
          "service_account_impersonation": {"token_lifetime_seconds": 1800}
          """#), to: "\(folder)/external.json")
  } _: { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    #expect(try await connection.fetch("db").get().payload.equals("p@ss"))
    let report = try await connection.provider.logIn()
    #expect(report.identity == "service account \(reader)")
    #expect(report.lifetime == .seconds(1800))
  }
}

@Test func anAWSRoleIsAnIdentity() throws {
  let file = { @Sendable (fake: GCPFake) in
    #"""
    {"type": "external_account", "audience": "\#(pool)",
     "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request", "token_url": "\#(fake.exchangeURL)",
     "credential_source": {"environment_id": "aws1",
       "region_url": "\#(fake.address)/latest/meta-data/placement/availability-zone",
       "url": "\#(fake.address)/latest/meta-data/iam/security-credentials",
       "regional_cred_verification_url":
         "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}}
    """#
  }
  let keys = ["AKIDEXAMPLE": "aws-secret/+key"]
  // The machine's role, by its metadata service with a session; then the environment's keys.
  try GCPScene.run(auth: #"{"path": "FOLDER/aws.json"}"#) { fake, folder in
    fake.addPool(GCPIdentityPool(audience: pool, awsKeys: keys))
    fake.startAWSMachine(GCPFakeAWSMachine(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "aws-secret/+key"))
    try write(file(fake), to: "\(folder)/aws.json")
  } _: { (scene: GCPScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    #expect(
      scene.fake.recorder.requests.prefix(4).map(\.line) == [
        "PUT /latest/api/token", "GET /latest/meta-data/placement/availability-zone",
        "GET /latest/meta-data/iam/security-credentials", "GET /latest/meta-data/iam/security-credentials/web-role",
      ])
  }
  let environment = [
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "aws-secret/+key", "AWS_REGION": "us-east-2",
  ]
  try GCPScene.run(auth: #"{"path": "FOLDER/aws.json"}"#, environment: environment) { fake, folder in
    fake.addPool(GCPIdentityPool(audience: pool, awsKeys: keys))
    try write(file(fake), to: "\(folder)/aws.json")
  } _: { (scene: GCPScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.fake.recorder.requests.map(\.path).first == "/v1/token")
    scene.fake.addPool(GCPIdentityPool(audience: pool, awsKeys: ["AKIDEXAMPLE": "another"]))
    scene.fake.revokeAllTokens()
    #expect(try await scene.failure("db").line.contains("(invalid_grant)"))
  }
}

@Test func anyLoginActsAsAnotherAccount() throws {
  let reader = "reader@demo-project.iam.gserviceaccount.com"
  let node = "node@demo-project.iam.gserviceaccount.com"
  for auth in [
    #"{"service_account_key_file": "FOLDER/key.json", "impersonate_service_account": "\#(reader)"}"#,
    #"{"method": "metadata", "impersonate_service_account": "\#(reader)"}"#,
    #"{"impersonate_service_account": "\#(reader)"}"#,
  ] {
    try GCPScene.run(auth: auth) { fake, _ in
      fake.allow(GCPScene.account, toActAs: reader)
      fake.allow(node, toActAs: reader)
      // So that the reads tell who reads.
      fake.takeRights(of: GCPScene.account)
      fake.takeRights(of: node)
    } _: { (scene: GCPScene) async throws in
      let connection = try scene.connect()
      #expect(try await connection.fetch("db").get().payload.equals("p@ss"))
      #expect(try await connection.provider.logIn().identity == "service account \(reader)")
    }
  }
}

@Test func delegatesAndChainsOfAccountsAreFollowed() throws {
  try GCPScene.run(auth: nil, environment: ["GOOGLE_APPLICATION_CREDENTIALS": "FOLDER/chain.json"]) { fake, folder in
    fake.addUser("person@example.com", refreshToken: "1//refresh")
    // person → first; first → (delegate) second → last
    fake.allow("person@example.com", toActAs: "first@x")
    fake.allow("first@x", toActAs: "second@x")
    fake.allow("second@x", toActAs: "last@x")
    let accounts = "\(fake.address)/v1/projects/-/serviceAccounts"
    try write(
      #"""
      {"type": "impersonated_service_account", "delegates": ["second@x"],
       "service_account_impersonation_url": "\#(accounts)/last@x:generateAccessToken",
       "source_credentials": {"type": "impersonated_service_account", "delegates": null,
         "service_account_impersonation_url": "\#(accounts)/first@x:generateAccessToken",
         "source_credentials": {"type": "authorized_user", "client_id": "client", "client_secret": "client-secret",
           "refresh_token": "1//refresh", "token_uri": "\#(fake.tokenURL)"}}}
      """#, to: "\(folder)/chain.json")
  } _: { (scene: GCPScene) async throws in
    let connection = try scene.connect()
    #expect(try await connection.fetch("db").get().payload.equals("p@ss"))
    #expect(try await connection.provider.logIn().identity == "service account last@x")
  }
}

@Test func whoMayNotActAsAnotherIsTold() throws {
  let auth = #"{"service_account_key_file": "FOLDER/key.json", "impersonate_service_account": "other@x"}"#
  try GCPScene.run(auth: auth) { (scene: GCPScene) async throws in
    scene.fake.addServiceAccount("other@x")
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied)
    #expect(failure.status == 403)
    #expect(
      failure.line.contains(
        "grant service account \(GCPScene.account) the role roles/iam.serviceAccountTokenCreator on it"))
  }
}
