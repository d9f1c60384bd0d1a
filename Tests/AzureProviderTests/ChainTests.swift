import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import Text

@testable import AzureProvider

@Test func theEnvironmentComesFirst() throws {
  try AzureScene.run(
    auth: "{}",
    environment: [
      "AZURE_TENANT_ID": AzureFake.tenant, "AZURE_CLIENT_ID": "web", "AZURE_CLIENT_SECRET": "s3cr3t+/=& %",
      "AZURE_FEDERATED_TOKEN_FILE": "/does/not/exist", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE",
    ]
  ) { (scene: AzureScene) async throws in
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.tokenRequests.map(\.method) == ["POST"])
    #expect(try await scene.connect().provider.logIn().identity == "default")
  }
}

@Test func workloadIdentityComesBeforeTheManagedOne() async throws {
  let issuer = Issuer(key: try JWTKey())
  try await withFolder { (folder: String) async throws in
    try write(try issuer.token(), to: "\(folder)/token")
    try AzureScene.run(
      auth: "{}",
      environment: [
        "AZURE_TENANT_ID": AzureFake.tenant, "AZURE_CLIENT_ID": "web",
        "AZURE_FEDERATED_TOKEN_FILE": "\(folder)/token", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE",
      ]
    ) { (scene: AzureScene) async throws in
      scene.fake.addFederation(client: "web", issuer.trust)
      #expect(try await scene.read("db") == "p@ss")
      #expect(scene.tokenRequests.map(\.method) == ["POST"])
    }
  }
}

@Test func theManagedIdentityIsLast() throws {
  try AzureScene.run(
    auth: "{}",
    environment: ["AZURE_CLIENT_ID": "web", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE"]
  ) { (scene: AzureScene) async throws in
    scene.fake.assignUserIdentity("web")
    #expect(try await scene.read("db") == "p@ss")
    #expect(scene.tokenRequests.map(\.line) == ["GET /metadata/identity/oauth2/token"])
    #expect(scene.tokenRequests.first?.query["client_id"] == "web")
  }
}

@Test func whatIsThereAndFailsEndsTheSearch() throws {
  try AzureScene.run(
    auth: "{}",
    environment: [
      "AZURE_TENANT_ID": AzureFake.tenant, "AZURE_CLIENT_ID": "web", "AZURE_CLIENT_SECRET": "wrong",
      "AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE",
    ]
  ) { (scene: AzureScene) async throws in
    #expect(try await scene.failure("db").message.contains("AADSTS7000215"))
    #expect(scene.tokenRequests.map(\.method) == ["POST"])
  }
}

/// The default chain on a node of nobody's cloud: nothing answers.
private func chain(
  environment: [String: String], policy: NodePolicy = .personal
) async throws -> (failure: ProviderFailure, requests: [HTTPRequest], time: ManualTime) {
  let time = ManualTime(skipsSleeps: true)
  let silence = ScriptedTransport { request, _ in
    .failure(TransportFailure(kind: .connect, host: "\(request.url.host):\(request.url.port)", detail: ""))
  }
  let services = ProviderServices.testing(
    transport: { _ in silence }, time: time, policy: policy, environment: environment)
  let vault = try HTTPURL(parsing: "https://s.vault.azure.net")
  let credential = AzureCredential(
    login: .standard(clientID: nil), authority: AzureCloud.of(vault).authority,
    connection: OpenConnection(named: "p", services: services))
  let challenge = try #require(KeyVaultChallenge(#"Bearer authorization="https://login.microsoftonline.com/t""#))
  let audience = try #require(KeyVaultAudience(challenge, of: vault))
  let failure = try await failure { _ = try await credential.token(for: audience) }
  return (failure, silence.requests, time)
}

@Test func anEmptyChainSaysWhatWasTried() async throws {
  let (failure, requests, time) = try await chain(environment: ["AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"])
  #expect(failure.kind == .denied)
  #expect(failure.message.contains("environment: AZURE_CLIENT_SECRET is not set; "))
  #expect(failure.message.contains("workload identity: AZURE_FEDERATED_TOKEN_FILE is not set; "))
  #expect(failure.message.contains("managed identity: the instance metadata service: no connection to 169.254.169.254"))
  #expect(requests.count == 1 && time.slept.isEmpty, "silence is found out by one attempt")
}

@Test func aMetadataServiceThatTheEnvironmentNamesIsWaitedFor() async throws {
  let (failure, requests, _) = try await chain(environment: ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9"])
  #expect(requests.count == 6)
  #expect(failure.isPassing && failure.message.hasPrefix("the instance metadata service: "), "\(failure.line)")
}

@Test func theChainTellsWhatThePolicyKeeps() async throws {
  let (failure, _, _) = try await chain(environment: ["AZURE_CLIENT_SECRET": "s"], policy: .strict)
  #expect(failure.message.contains("the variable AZURE_CLIENT_SECRET may not be read (rule `environment`"))
}
