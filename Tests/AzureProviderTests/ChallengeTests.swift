import HTTPTransport
import ProviderFakes
import Testing
import Text

@testable import AzureProvider

private func audience(_ header: String, of vault: String) throws -> KeyVaultAudience? {
  let vault = try HTTPURL(parsing: vault)
  return KeyVaultChallenge(header).flatMap { KeyVaultAudience($0, of: vault) }
}

private func bearer(_ resource: String) -> String {
  #"Bearer authorization="https://login.microsoftonline.com/tenant", resource="\#(resource)""#
}

@Test(arguments: [
  #"Bearer authorization="https://login.microsoftonline.com/t-1", resource="https://vault.azure.net""#,
  #"bearer  resource=https://vault.azure.net, authorization_uri=https://login.microsoftonline.com/t-1"#,
  #"Bearer authorization="https://login.windows.net/t-1",scope="https://vault.azure.net/.default""#,
  #"Bearer error="invalid_token", authorization="https://login.windows.net/t-1", resource="https://vault.azure.net/""#,
])
func aChallengeTellsResourceAndTenant(_ header: String) throws {
  let audience = try #require(try audience(header, of: "https://shop.vault.azure.net"))
  #expect(audience.scope == "https://vault.azure.net/.default")
  #expect(audience.tenant == "t-1")
}

@Test func withoutAResourceTheVaultsCloudTells() throws {
  let header = #"Bearer authorization="https://login.microsoftonline.com/t""#
  #expect(try audience(header, of: "https://shop.vault.azure.net")?.resource == "https://vault.azure.net")
  #expect(try audience(header, of: "https://shop.vault.azure.cn")?.resource == "https://vault.azure.cn")
  #expect(
    try audience(header, of: "https://shop.vault.usgovcloudapi.net")?.resource == "https://vault.usgovcloudapi.net")
  #expect(try audience(header, of: "https://vault.example.com") == nil)
}

@Test(arguments: [
  "", "Bearer", "Basic realm=x", "Bearer resource=\"https://vault.azure.net\"", "Bearer ,,,===", "Bearer authorization",
  "PoP authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"",
  "Bearer authorization=\"" + String(repeating: "x", count: 9000) + "\"",
])
func whatIsNoChallengeIsNone(_ header: String) {
  #expect(KeyVaultChallenge(header) == nil)
}

@Test func aBrokenQuoteEndsWithTheHeader() {
  #expect(
    KeyVaultChallenge(#"Bearer authorization="https://l/t", resource="https://vault.azure.net"#)?.resource
      == "https://vault.azure.net")
}

@Test(arguments: [
  // Another service, a suffix that is not a label, the vault itself, schemes, ports, and what is no address.
  "https://management.azure.com", "https://graph.microsoft.com", "https://t.azure.net", "https://shop.vault.azure.net",
  "https://other.vault.azure.net", "http://vault.azure.net", "https://vault.azure.net:8443", "https://net", "https://",
  "https://azure.net", "https://vault.azure.net/x", "vault.azure.net", "https://vault.azure.net@evil.example.com",
  "https://vault.azure.net?x=1", "https://127.0.0.1",
])
func aVaultGetsNoTokenForAnotherDomain(_ resource: String) throws {
  #expect(try audience(bearer(resource), of: "https://shop.vault.azure.net") == nil)
}

@Test func aVaultsNameMustEndInTheDomain() throws {
  #expect(try audience(bearer("https://vault.azure.net"), of: "https://shop.vault.azure.net.evil.example.com") == nil)
  #expect(try audience(bearer("https://vault.azure.net"), of: "https://shop-vault.azure.net") == nil)
  #expect(try audience(bearer("https://vault.azure.net"), of: "https://vault.azure.net") == nil)
  #expect(try audience(bearer("https://azure.com"), of: "https://evil.cloudapp.azure.com") == nil)
  #expect(try audience(bearer("https://managedhsm.azure.net"), of: "https://shop.managedhsm.azure.net") == nil)
  #expect(try audience(bearer("https://vault.local.stack.example"), of: "https://a.vault.local.stack.example") != nil)
  #expect(try audience(bearer("https://vault.azure.net"), of: "https://SHOP.VAULT.azure.net") != nil)
}

@Test func aVaultOnLoopbackGetsTokensForLoopbackOnly() throws {
  for resource in ["https://127.0.0.1", "https://localhost:8443", "http://[::1]"] {
    #expect(try audience(bearer(resource), of: "http://127.0.0.1:9") != nil)
  }
  for resource in ["https://vault.azure.net", "https://management.azure.com", "https://127.0.0.1.example.com"] {
    #expect(try audience(bearer(resource), of: "http://localhost:9") == nil)
  }
}

@Test(arguments: ["https://vault.azure.net", "https://management.azure.com"])
func aForeignChallengeMeetsNoLoginAndNoToken(_ resource: String) throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.setChallenge(bearer(resource))
    let failure = try await scene.failure("db")
    #expect(failure.kind == .policy)
    #expect(failure.message.contains(resource) && failure.message.contains("none is sent"))
    #expect(scene.tokenRequests.isEmpty)
    #expect(scene.fake.recorder.requests.allSatisfy { $0.headers["authorization"] == nil })
  }
}

@Test(arguments: ["", "Basic realm=x", "Bearer x"])
func aVaultWithoutAChallengeMeetsNoLogin(_ header: String) throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.setChallenge(header)
    let failure = try await scene.failure("db")
    #expect(failure.kind == .malformed && failure.hint == "check vault_url")
    #expect(scene.tokenRequests.isEmpty)
  }
}

@Test func aRefusalThatBringsItsChallengeIsNotAskedForIt() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    scene.fake.revokeAllTokens()
    scene.fake.recorder.reset()
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(
      scene.fake.recorder.requests.map(\.line) == [
        "GET /secrets/db/", "POST /\(AzureFake.tenant)/oauth2/v2.0/token", "GET /secrets/db/",
      ])
    #expect(scene.vaultRequests.allSatisfy { $0.headers["authorization"] != nil })
  }
}

@Test func aRefusalWithoutAChallengeIsFollowedByTheQuestion() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    scene.fake.recorder.reset()
    let refusal = #"{"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer token."}}"#
    scene.fake.faults.add(.reply(status: 401, body: refusal), on: "GET /secrets/*", times: 1)
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    #expect(scene.vaultRequests.count { $0.headers["authorization"] == nil } == 1)
  }
}

@Test func aRefusalThatBringsAForeignChallengeMeetsNoToken() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let connection = try scene.connect()
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
    scene.fake.setChallenge(bearer("https://management.azure.com"))
    scene.fake.revokeAllTokens()
    scene.fake.recorder.reset()
    guard case .failure(let failure) = try await connection.fetch("db") else {
      throw UnexpectedSuccess()
    }
    #expect(failure.kind == .policy && failure.message.contains("none is sent"))
    #expect(scene.tokenRequests.isEmpty && scene.vaultRequests.count == 1)
  }
}

@Test func theAuthorityOfAChallengeIsNeverAsked() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.setChallenge(#"Bearer authorization="http://127.0.0.1:9/evil", resource="https://127.0.0.1""#)
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.tokenRequests.map(\.path) == ["/\(AzureFake.tenant)/oauth2/v2.0/token"])
  }
}
