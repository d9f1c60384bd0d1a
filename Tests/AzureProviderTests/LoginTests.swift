import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import AzureProvider

/// An `auth` block by client secret.
func client(_ id: String = "web", tenant: String = AzureFake.tenant, variable: String = "WEB_SECRET") -> String {
  #"{"method": "client_secret", "tenant_id": "\#(tenant)", "client_id": "\#(id)", "client_secret_env": "\#(variable)"}"#
}

// MARK: - Client secret

@Test func aClientSecretLogsIn() throws {
  try AzureScene.run(auth: client()) { (scene: AzureScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    let form = try #require(scene.tokenRequests.first).body
    #expect(form.contains("client_secret=s3cr3t%2B%2F%3D%26%20%25&"))
    #expect(form.contains("scope=https%3A%2F%2F127.0.0.1%2F.default"))
  }
}

@Test func aLoginReportsIdentityAndLife() throws {
  try AzureScene.run(auth: client()) { (scene: AzureScene) async throws in
    let report = try await scene.connect().provider.logIn()
    #expect(report.identity == "client_secret web")
    #expect(report.lifetime == .seconds(3600))
    #expect(scene.vaultRequests.map(\.path) == ["/secrets"])
  }
}

@Test(arguments: [
  (client(variable: "WRONG"), "AADSTS7000215 (invalid_client)", "the client secret is wrong"),
  (client("nobody"), "AADSTS700016 (unauthorized_client)", "no such application"),
  (client("old"), "AADSTS7000222 (invalid_client)", "expired"),
  (client(tenant: "nowhere.example.com"), "AADSTS90002 (invalid_request)", "no such tenant"),
])
func aRefusedLoginSaysWhyAndNoValue(_ auth: String, _ code: String, _ hint: String) throws {
  try AzureScene.run(auth: auth, environment: ["WRONG": "wr0ng-value"]) { (scene: AzureScene) async throws in
    scene.fake.addClient("old", secret: "s3cr3t+/=& %", secretHasExpired: true)
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied)
    #expect(failure.message.contains(code))
    #expect(failure.hint?.contains(hint) == true)
    #expect(!failure.line.contains("wr0ng-value") && !failure.line.contains("s3cr3t"))
    #expect(scene.tokenRequests.count == 1)
  }
}

@Test func aMissingVariableIsNamed() throws {
  try AzureScene.run(auth: client(variable: "NOT_SET")) { (scene: AzureScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied && failure.message.contains("the variable NOT_SET is not set"))
    #expect(scene.tokenRequests.isEmpty)
  }
}

@Test(arguments: ["../common", "a/b", "x?y", ".."])
func aTenantIsNoPath(_ tenant: String) throws {
  let faults = #expect(throws: DocumentFaults.self) {
    try ProviderConnection.testing(
      #"{"provider": "azure_key_vault", "vault_url": "https://shop.vault.azure.net", "auth": \#(client(tenant: tenant))}"#,
      by: AzureKeyVaultProvider.descriptor)
  }
  #expect(faults?.faults.first?.path == "secret_providers.p.auth.tenant_id")
  // The same by the agent's own variables, which no document's validation sees.
  try AzureScene.run(
    auth: "{}", environment: ["AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"]
  ) { (scene: AzureScene) async throws in
    #expect(try await scene.failure("db").kind == .denied)
    #expect(scene.tokenRequests.isEmpty)
  }
}

@Test func thePolicyBoundsTheTokenEndpoint() throws {
  var policy = NodePolicy.personal
  policy.addresses = [AddressPattern(host: "127.0.0.1", requiresTLS: false)]
  try AzureScene.run(
    auth: client(), policy: policy, environment: ["AZURE_AUTHORITY_HOST": "login.example.com"]
  ) { (scene: AzureScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.kind == .policy && failure.message.contains("login.example.com"))
  }
}

@Test func variablesThatThePolicyKeepsAreNotRead() throws {
  var policy = NodePolicy.personal
  policy.environment = .matching(["AZURE_AUTHORITY_HOST"])
  try AzureScene.run(auth: client(), policy: policy) { (scene: AzureScene) async throws in
    #expect(try await scene.failure("db").kind == .policy)
    #expect(scene.tokenRequests.isEmpty)
  }
}

@Test func aTokenEndpointThatIsNoneIsSaid() throws {
  try AzureScene.run(auth: client()) { (scene: AzureScene) async throws in
    scene.fake.faults.add(.html(200), on: "POST /*")
    #expect(try await scene.failure("db").message.contains("no token"))
    scene.fake.faults.clear()
    scene.fake.faults.add(.html(404), on: "POST /*")
    scene.time.advance(by: .seconds(3600))
    #expect(try await scene.failure("db").kind == .malformed)
  }
}

@Test func aFailingTokenEndpointIsTriedAgain() throws {
  try AzureScene.run(auth: client()) { (scene: AzureScene) async throws in
    scene.fake.faults.add(.status(503), on: "POST /*", times: 2)
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.tokenRequests.count == 3)
  }
}

// MARK: - Workload identity

/// An issuer of federated tokens.
struct Issuer {
  let key: JWTKey

  func token(
    audience: String = "api://AzureADTokenExchange", subject: String = "system:serviceaccount:shop:web",
    expires: Int = 1_800_000_600
  ) throws -> String {
    try key.token(
      claims: #"{"iss":"https://issuer","sub":"\#(subject)","aud":["\#(audience)"],"exp":\#(expires),"iat":1}"#)
  }

  var trust: AzureFederation {
    AzureFederation(
      issuer: "https://issuer", subject: "system:serviceaccount:shop:web", publicKeys: [key.publicPEM])
  }
}

@Test func aFederatedTokenLogsInAndIsReadAgainAtEachLogin() async throws {
  let issuer = Issuer(key: try JWTKey(.rs256))
  try await withFolder { (folder: String) async throws in
    let path = "\(folder)/token"
    try write(try issuer.token() + "\n", to: path)
    try AzureScene.run(
      auth: #"{"method": "workload_identity"}"#,
      environment: ["AZURE_TENANT_ID": AzureFake.tenant, "AZURE_CLIENT_ID": "web", "AZURE_FEDERATED_TOKEN_FILE": path]
    ) { (scene: AzureScene) async throws in
      scene.fake.addFederation(client: "web", issuer.trust)
      let connection = try scene.connect()
      #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
      let rotated = try issuer.token(expires: 1_800_009_999)
      try write(rotated, to: path)
      scene.fake.advance(seconds: 4000)
      scene.time.advance(by: .seconds(4000))
      #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
      #expect(scene.tokenRequests.count == 2)
      #expect(scene.tokenRequests.last?.body.contains("client_assertion=\(rotated)&") == true)
    }
  }
}

@Test func fieldsOfTheDocumentComeBeforeVariables() async throws {
  let issuer = Issuer(key: try JWTKey())
  try await withFolder { (folder: String) async throws in
    try write(try issuer.token(), to: "\(folder)/token")
    let auth = #"{"tenant_id": "\#(AzureFake.tenant)", "client_id": "web", "token_file": "\#(folder)/token"}"#
    try AzureScene.run(auth: auth, environment: ["AZURE_CLIENT_ID": "other"]) {
      (scene: AzureScene) async throws in
      scene.fake.addFederation(client: "web", issuer.trust)
      #expect(try await scene.read("db") == "p@ss")
    }
  }
}

@Test(arguments: [
  ("audience", "700213"), ("subject", "700213"), ("expired", "700024"), ("signature", "700027"), ("garbage", "700027"),
])
func aFederatedTokenThatIsNotTrustedIsDenied(_ fault: String, _ code: String) async throws {
  let issuer = Issuer(key: try JWTKey())
  let token =
    switch fault {
    case "audience": try issuer.token(audience: "other")
    case "subject": try issuer.token(subject: "other")
    case "expired": try issuer.token(expires: 1_700_000_000)
    case "signature": try Issuer(key: try JWTKey()).token()
    default: "garbage"
    }
  try await withFolder { (folder: String) async throws in
    try write(token, to: "\(folder)/token")
    let auth = #"{"tenant_id": "\#(AzureFake.tenant)", "client_id": "web", "token_file": "\#(folder)/token"}"#
    try AzureScene.run(auth: auth) { (scene: AzureScene) async throws in
      scene.fake.addFederation(client: "web", issuer.trust)
      let failure = try await scene.failure("db")
      #expect(failure.kind == .denied && failure.message.contains("AADSTS\(code)"))
      #expect(!failure.line.contains(token))
    }
  }
}

@Test func whatWorkloadIdentityLacksIsNamed() async throws {
  let whole = #"{"tenant_id": "t", "client_id": "c", "token_file": "/does/not/exist"}"#
  try AzureScene.run(auth: whole) { (scene: AzureScene) async throws in
    #expect(try await scene.failure("db").message == "the federated token: /does/not/exist does not exist")
  }
  try AzureScene.run(auth: #"{"method": "workload_identity", "tenant_id": "t"}"#) { (scene: AzureScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.message == "auth.client_id is not given, and the variable AZURE_CLIENT_ID is not set, or empty")
  }
  try await withFolder { (folder: String) async throws in
    try write(" \n", to: "\(folder)/token")
    let auth = #"{"tenant_id": "t", "client_id": "c", "token_file": "\#(folder)/token"}"#
    try AzureScene.run(auth: auth) { (scene: AzureScene) async throws in
      #expect(try await scene.failure("db").message.hasSuffix("is empty"))
    }
    try AzureScene.run(auth: auth, policy: .strictWithAuthority) { (scene: AzureScene) async throws in
      #expect(try await scene.failure("db").kind == .policy)
    }
  }
}

extension NodePolicy {
  /// The daemon's default, with the one variable that leads to the fake.
  fileprivate static var strictWithAuthority: NodePolicy {
    var policy = strict
    policy.environment = .matching(["AZURE_AUTHORITY_HOST"])
    return policy
  }
}
