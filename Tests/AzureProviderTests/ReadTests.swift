import ExecutionModel
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import AzureProvider

@Test func theNewestVersionIsReadWithItsName() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let old = scene.fake.put("key", "old")
    let new = scene.fake.put("key", "new \u{e9}\n\"")
    let secret = try await scene.connect().fetch("key").get()
    #expect(secret.payload.unsafeString() == "new \u{e9}\n\"")
    #expect(secret.version == new)
    #expect(try await scene.read("key", version: old) == "old")
    #expect(scene.vaultRequests.last?.path == "/secrets/key/\(old)")
    #expect(scene.vaultRequests.last?.query == ["api-version": "7.4"])
  }
}

@Test func aHundredSecretsAreOneChallengeAndOneLogin() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    for number in 1...100 {
      scene.fake.put("s\(number)", "v\(number)")
    }
    let connection = try scene.connect()
    let results = await connection.provider.fetch(references: (1...100).map { connection.reference("s\($0)") })
    #expect(try results.map { try $0.get().payload.unsafeString() } == (1...100).map { "v\($0)" })
    #expect(scene.tokenRequests.count == 1)
    #expect(scene.vaultRequests.count == 101)
    #expect(scene.vaultRequests.count { $0.headers["authorization"] == nil } == 1)
  }
}

@Test func whatIsNotThereIsMissing() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    #expect(try await scene.failure("nothing").kind == .missing)
    scene.fake.delete("db")
    let deleted = try await scene.failure("db")
    #expect(deleted.kind == .missing && deleted.hint?.contains("recovered") == true)
    scene.fake.put("db", "again")
    #expect(try await scene.failure("db", version: "0123").message == "no such secret, or no such version of it")
  }
}

@Test func disabledExpiredAndFutureSecretsAreToldApart() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    let now = Int(scene.time.unixTime)
    scene.fake.put("off", "v", AzureSecretState(isEnabled: false))
    scene.fake.put("past", "old", AzureSecretState(expires: now - 10))
    scene.fake.put("future", "new", AzureSecretState(notBefore: now + 10_000))
    #expect(try await scene.failure("off").message == "the secret is disabled")
    // As documented, Key Vault serves these; the dates are advice.
    #expect(try await scene.read("past") == "old")
    #expect(try await scene.read("future") == "new")
    scene.fake.refuseOutsideDates()
    #expect(try await scene.failure("past").message == "the secret has expired (attributes.exp)")
    #expect(try await scene.failure("future").message == "the secret is not valid yet (attributes.nbf)")
    #expect(scene.tokenRequests.count == 5, "403 makes no new login: one for each connection")
  }
}

@Test func missingRightsAreDenied() throws {
  try AzureScene.run { (scene: AzureScene) async throws in
    scene.fake.takeRights(of: "web")
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied && failure.hint?.contains("Key Vault Secrets User") == true)
    #expect(failure.reference == "secrets/db")
    #expect(scene.vaultRequests.count == 2)
  }
}

/// The paths of a document's errors.
private func errors(vault: String = "https://shop.vault.azure.net", entry: String) throws -> [String] {
  let document = """
    {"secret_providers": {"p": {"provider": "azure_key_vault", "vault_url": "\(vault)"}},
     "secrets": {"A": {"from": "p", \(entry)}}}
    """
  let item = try ExecutionDocument(SecretBytes(document)).item(nil)
  return ProviderCatalog([AzureKeyVaultProvider.descriptor]).examine(item).faults.map(\.path)
}

@Test(arguments: ["a/b", "..", "a%2fb", "", "a b", "é", String(repeating: "a", count: 128)])
func aNameThatCannotBeIsAFaultOfTheDocument(_ name: String) throws {
  #expect(try errors(entry: #""secret_name": "\#(name)""#) == ["secrets.A.secret_name"])
  let version = name.isEmpty ? "-" : name
  #expect(try errors(entry: #""secret_name": "db", "version": "\#(version)""#) == ["secrets.A.version"])
}

@Test(arguments: ["https://shop.vault.azure.net/secrets/db", "https://shop.vault.azure.net/?a=b"])
func aVaultsAddressHasNoPath(_ address: String) throws {
  #expect(try errors(vault: address, entry: #""secret_name": "db""#) == ["secret_providers.p.vault_url"])
}

@Test func theDemonstrationsSeedHoldsWhatTheExampleReads() throws {
  let auth = client("demo-web-client", variable: "DEMO")
  try AzureScene.run(auth: auth, environment: ["DEMO": "demo-web-client-secret"]) {
    (scene: AzureScene) async throws in
    try FakesSeed(SecretBytes(FakesSeed.demo)).apply(to: scene.fake)
    #expect(try await scene.read("web-session-key") == "demo-session-key-2")
    #expect(try await scene.read("web-db")?.contains("correct horse") == true)
  }
}

/// A reference to the secret `name`, over a connection that is never used.
private func reference(_ name: String) throws -> Reference {
  try ProviderConnection.testing(
    #"{"provider": "azure_key_vault", "vault_url": "https://s.vault.azure.net"}"#, by: AzureKeyVaultProvider.descriptor
  ).reference(["secret_name": name])
}

@Test func aReferenceReadsAsItsPath() throws {
  #expect(try reference("web-db").description == "secrets/web-db")
}

// MARK: - Hostile answers

@Test(arguments: [
  Fault.html(200), .malformedJSON, .garbage, .redirect("http://127.0.0.1:9/"), .truncated, .huge(8 * 1024 * 1024),
])
func aHostileAnswerIsAFailureOfItsSecretOnly(_ fault: Fault) throws {
  var limits = RequestLimits()
  limits.responseBytes = 1024 * 1024
  try AzureScene.run(limits: limits) { (scene: AzureScene) async throws in
    scene.fake.put("good", "fine")
    let connection = try scene.connect()
    _ = try await connection.provider.logIn()
    scene.fake.faults.add(fault, on: "GET /secrets/db/")
    let results = await connection.provider.fetch(references: [
      connection.reference("db"), connection.reference("good"),
    ])
    guard case .failure(let failure)? = results.first else {
      throw UnexpectedSuccess()
    }
    #expect(failure.kind == .malformed || failure.kind == .transient)
    #expect(try results.last?.get().payload.unsafeString() == "fine")
  }
}

private func answering(_ body: String, status: Int = 200) -> ScriptedTransport {
  ScriptedTransport { _, _ in
    .success(.init(status: status, headers: .init([("Content-Type", "application/json")]), body: SecretBytes(body)))
  }
}

@Test(arguments: [
  #"{}"#, #"[]"#, #"null"#, #"{"value": 1}"#, #"{"value": null}"#, #"{"value": {}}"#, #"{"value": "\ud800"}"#,
  #"{"value": "x""#,
])
func anAnswerWithoutAValueIsMalformed(_ body: String) async throws {
  let transport = answering(body)
  let services = ProviderServices.testing(transport: { _ in transport })
  let vault = KeyVault(
    try .init(parsing: "https://s.vault.azure.net"), over: OpenConnection(named: "p", services: services))
  let failure = try await failure {
    _ = try await vault.secret(.init(name: "n", version: nil), token: SecretBytes("t"))
  }
  #expect(failure.kind == .malformed)
}

@Test(arguments: [
  (#"{"value": "v", "id": 7, "attributes": [], "contentType": {}}"#, nil),
  (#"{"value": "v", "id": "https://s.vault.azure.net/secrets/n/../x"}"#, nil),
  (
    #"{"value": "v", "id": "https://s.vault.azure.net/secrets/n/abc", "attributes": {"exp": -9223372036854775808}}"#,
    "abc"
  ),
  (#"{"value": "", "id": "not a url"}"#, nil as String?),
])
func whatStandsBesideAValueMayBeAnything(_ body: String, _ version: String?) async throws {
  let transport = answering(body)
  let services = ProviderServices.testing(transport: { _ in transport })
  let vault = KeyVault(
    try .init(parsing: "https://s.vault.azure.net"), over: OpenConnection(named: "p", services: services))
  let secret = try await vault.secret(.init(name: "n", version: nil), token: SecretBytes("t"))
  #expect(secret.version == version)
}
