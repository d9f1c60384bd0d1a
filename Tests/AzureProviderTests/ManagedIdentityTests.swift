import HTTPTransport
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import Synchronization
import TestSupport
import Testing
import Text

@testable import AzureProvider

private let managed = #"{"method": "managed_identity"}"#

private let atMetadata = ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE"]

private let atAppService = ["IDENTITY_ENDPOINT": "FAKE/msi/token", "IDENTITY_HEADER": AzureFake.identityHeader]

// MARK: - Instance metadata

@Test func theMetadataServiceGivesATokenForTheResource() throws {
  try AzureScene.run(auth: managed, environment: atMetadata) { (scene: AzureScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    let request = try #require(scene.tokenRequests.first)
    #expect(request.query == ["api-version": "2018-02-01", "resource": "https://127.0.0.1"])
    #expect(request.headers["metadata"] == "true")
  }
}

@Test func aUserAssignedIdentityIsAskedForByItsClientID() throws {
  try AzureScene.run(auth: #"{"managed_identity_client_id": "other"}"#, environment: atMetadata) {
    (scene: AzureScene) async throws in
    let denied = try await scene.failure("db")
    #expect(denied.kind == .denied && denied.hint?.contains("check managed_identity_client_id") == true)
    scene.fake.assignUserIdentity("other")
    scene.time.advance(by: .seconds(60))
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.tokenRequests.last?.query["client_id"] == "other")
  }
}

@Test func aMachineWithoutIdentityIsTold() throws {
  try AzureScene.run(auth: managed, environment: atMetadata) { (scene: AzureScene) async throws in
    scene.fake.assignSystemIdentity(nil)
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied && failure.hint?.contains("assign a managed identity") == true)
    #expect(scene.tokenRequests.count == 1)
  }
}

@Test(arguments: [404, 429, 500, 503])
func theMetadataServiceIsAskedAgain(_ status: Int) throws {
  try AzureScene.run(auth: managed, environment: atMetadata) { (scene: AzureScene) async throws in
    scene.fake.faults.add(.status(status), on: "GET /metadata/*", times: 5)
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.tokenRequests.count == 6)
    let waited = scene.time.slept.reduce(.zero, +)
    #expect(waited >= .seconds(10))
  }
}

@Test func aMetadataServiceThatIsGoneForAMinuteIsNotSatOut() throws {
  try AzureScene.run(auth: managed, environment: atMetadata) { (scene: AzureScene) async throws in
    scene.fake.faults.add(.status(410), on: "GET /metadata/*", times: 1)
    let connection = try scene.connect()
    let failure = await #expect(throws: ProviderFailure.self) { try await connection.fetch("db").get() }
    #expect(try #require(failure?.retryAfter) >= .seconds(70))
    scene.time.advance(by: .seconds(70))
    #expect(try await connection.fetch("db").get().payload.unsafeString() == "p@ss")
  }
}

@Test func byDefaultTheLinkLocalServiceIsAskedAndThePolicyLetsItBe() async throws {
  for policy in [NodePolicy.strict, .personal] {
    let asked = ScriptedTransport { request, _ in
      .failure(TransportFailure(kind: .connect, host: request.url.host, detail: ""))
    }
    let options = Mutex<[HTTPClientOptions]>([])
    let services = ProviderServices.testing(
      transport: { given in
        options.withLock { $0.append(given) }
        return asked
      }, policy: policy)
    let identity = ManagedIdentity(clientID: nil, connection: OpenConnection(named: "p", services: services))
    await #expect(throws: ProviderFailure.self) { try await identity.token(for: "https://vault.azure.net") }
    #expect(asked.requests.first?.url.origin == "http://169.254.169.254")
    #expect(options.withLock { $0.allSatisfy { $0.addressRule == .any && $0.bypassesProxy } })
  }
}

// MARK: - App Service

@Test func appServiceGivesATokenToWhoKnowsItsHeader() throws {
  try AzureScene.run(auth: managed, environment: atAppService) { (scene: AzureScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    let request = try #require(scene.tokenRequests.first)
    #expect(request.query == ["api-version": "2019-08-01", "resource": "https://127.0.0.1"])
    #expect(request.headers["x-identity-header"] == AzureFake.identityHeader)
    let life = try #require(try await scene.connect().provider.logIn().lifetime)
    // In whole seconds, of clocks that were read one after the other.
    #expect((.seconds(3599) ... .seconds(3602)).contains(life), "expires_on is Unix time in a string")
  }
}

@Test func aWrongIdentityHeaderIsDeniedAndNotShown() throws {
  try AzureScene.run(
    auth: managed,
    environment: ["IDENTITY_ENDPOINT": "FAKE/msi/token", "IDENTITY_HEADER": "wr0ng-header"]
  ) { (scene: AzureScene) async throws in
    let failure = try await scene.failure("db")
    #expect(failure.kind == .denied && failure.status == 401)
    #expect(!failure.line.contains("wr0ng-header"))
  }
}

@Test func serviceFabricIsRefusedWithoutACall() throws {
  try AzureScene.run(
    auth: managed,
    environment: [
      "IDENTITY_ENDPOINT": "FAKE/msi/token", "IDENTITY_HEADER": AzureFake.identityHeader,
      "IDENTITY_SERVER_THUMBPRINT": "00",
    ]
  ) { (scene: AzureScene) async throws in
    #expect(try await scene.failure("db").message.contains("Service Fabric"))
    #expect(scene.tokenRequests.isEmpty)
  }
}

@Test func anIdentityEndpointElsewhereNeedsHTTPS() throws {
  try AzureScene.run(
    auth: managed,
    environment: ["IDENTITY_ENDPOINT": "http://token.example.com/msi", "IDENTITY_HEADER": "h"]
  ) { (scene: AzureScene) async throws in
    #expect(try await scene.failure("db").kind == .policy)
  }
}

// MARK: - Azure Arc

private func withArc(
  clientID: String? = nil, _ body: @escaping @Sendable (AzureScene, ArcIdentity) async throws -> Void
) async throws {
  try await withFolder { (folder: String) async throws in
    try AzureScene.run { (scene: AzureScene) async throws in
      scene.fake.startArc(folder: folder)
      let identity = ManagedIdentity(
        clientID: clientID, connection: OpenConnection(named: "p", services: scene.services))
      let endpoint = try HTTPURL(parsing: scene.fake.arcEndpoint)
      try await body(scene, ArcIdentity(identity: identity, endpoint: endpoint, folder: folder))
    }
  }
}

@Test func arcGetsItsFileBack() async throws {
  try await withArc { (scene: AzureScene, arc: ArcIdentity) async throws in
    let token = try await arc.token(for: AzureFake.resource)
    #expect(token.lifetime == .seconds(3600))
    #expect(scene.tokenRequests.map { $0.headers["authorization"] } == [nil, "Basic arc-key-2"])
    #expect(scene.tokenRequests.allSatisfy { $0.headers["metadata"] == "true" })
  }
}

@Test func arcRefusesUserAssignedIdentities() async throws {
  try await withArc(clientID: "other") { (scene: AzureScene, arc: ArcIdentity) async throws in
    let failure = try await failure { _ = try await arc.token(for: AzureFake.resource) }
    #expect(failure.kind == .denied && failure.hint == "remove managed_identity_client_id")
    #expect(scene.tokenRequests.isEmpty)
  }
}

@Test func theEnvironmentTellsOfArc() throws {
  try AzureScene.run(
    auth: managed,
    environment: [
      "IDENTITY_ENDPOINT": "FAKE/arc/metadata/identity/oauth2/token", "IMDS_ENDPOINT": "http://127.0.0.1:40342",
    ]
  ) { (scene: AzureScene) async throws in
    // The fake's folder is not the agent's, so its file must not be read.
    try await withFolder { (folder: String) async throws in
      scene.fake.startArc(folder: folder)
      let failure = try await scene.failure("db")
      #expect(failure.kind == .policy && failure.message.contains("/var/opt/azcmagent/tokens"))
      #expect(scene.tokenRequests.allSatisfy { $0.headers["authorization"] == nil })
    }
  }
}

@Test(arguments: [
  "/etc/shadow", "FOLDER/../key.key", "FOLDER/sub/a.key", "FOLDER/a.txt", "FOLDER/.key", "FOLDERx/a.key", "a.key", "",
  "FOLDER/a.key\u{1}",
])
func arcReadsNoOtherFile(_ path: String) async throws {
  try await withArc { (scene: AzureScene, arc: ArcIdentity) async throws in
    let named = path.replacing("FOLDER", with: arc.folder)
    let transport = ScriptedTransport { _, _ in
      .success(
        HTTPResponse(
          status: 401, headers: HTTPFields([("WWW-Authenticate", "Basic realm=\(named)")]), body: SecretBytes()))
    }
    let services = ProviderServices.testing(transport: { _ in transport })
    let identity = ManagedIdentity(clientID: nil, connection: OpenConnection(named: "p", services: services))
    let tricked = ArcIdentity(identity: identity, endpoint: arc.endpoint, folder: arc.folder)
    let failure = try await failure { _ = try await tricked.token(for: AzureFake.resource) }
    #expect(failure.kind == .policy)
    #expect(transport.requests.count == 1)
  }
}

@Test func arcSendsNoLargeFile() async throws {
  try await withArc { (scene: AzureScene, arc: ArcIdentity) async throws in
    let path = "\(arc.folder)/big.key"
    try write(String(repeating: "k", count: 4097), to: path)
    let transport = ScriptedTransport { _, _ in
      .success(
        HTTPResponse(
          status: 401, headers: HTTPFields([("WWW-Authenticate", "Basic realm=\"\(path)\"")]), body: SecretBytes()))
    }
    let services = ProviderServices.testing(transport: { _ in transport })
    let identity = ManagedIdentity(clientID: nil, connection: OpenConnection(named: "p", services: services))
    let tricked = ArcIdentity(identity: identity, endpoint: arc.endpoint, folder: arc.folder)
    let failure = try await failure { _ = try await tricked.token(for: AzureFake.resource) }
    #expect(failure.message.contains("larger than 4096 bytes"))
    #expect(transport.requests.count == 1)
  }
}
