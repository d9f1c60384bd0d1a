import Foundation
import HTTPTransport
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import Text

@testable import AzureProvider

/// Each login and read sent by Microsoft's SDK and by ours to the same fake: the requests are the same.
///
/// What the SDK does beside them is left out: discovery of the authority's endpoints, and form fields of capabilities that the
/// agent does not claim (`claims` asks for continuous access evaluation, `client_info` for a user's account).
@Suite(.enabled(if: MicrosoftSDK.python != nil, "SECRETS_AGENT_PYTHON names no Python"))
struct WireTests {
  private static let sdkFields: Set<String> = ["claims", "client_info"]

  /// The SDK's requests, then ours.
  private func compare(
    _ method: String, auth: String, environment: [String: String] = [:], sdk: [String: String] = [:],
    prepare: @escaping @Sendable (AzureFake) -> Void = { _ in }
  ) async throws {
    let authority = try CertificateAuthority()
    try await withFolder { (folder: String) async throws in
      try authority.authority.write(to: folder, name: "ca")
      let certificate = try authority.server()
      try AzureScene.run(auth: auth, environment: environment) { (scene: AzureScene) async throws in
        let secure = try await scene.fake.listening(tls: .server(certificate))
        prepare(scene.fake)
        let theirs = try Self.recorded(scene) {
          // The SDK counts on the machine's clock.
          scene.fake.setClock(unixTime: Int64(Date().timeIntervalSince1970))
          let variables = [
            "VAULT": secure.address, "AUTHORITY": secure.address, "TENANT": AzureFake.tenant,
            "REQUESTS_CA_BUNDLE": "\(folder)/ca.pem",
          ]
          let value = try MicrosoftSDK.read(
            method,
            environment: variables.merging(sdk) { $1 }.mapValues {
              $0.replacing(AzureScene.addressPlace, with: scene.fake.address)
            })
          #expect(value == "p@ss")
        }
        scene.fake.setClock(unixTime: scene.time.unixTime)
        scene.fake.recorder.reset()
        #expect(try await scene.read("db") == "p@ss")
        let ours = scene.fake.recorder.requests.map { WireRequest($0) }
        #expect(ours == theirs)
        #expect(ours.count == 3)
        await secure.stop()
      }
    }
  }

  private static func recorded(_ scene: AzureScene, _ body: () throws -> Void) throws -> [WireRequest] {
    scene.fake.recorder.reset()
    try body()
    let requests = scene.fake.recorder.requests.filter { !$0.path.contains("/.well-known/") }
    return requests.map { WireRequest($0).without(sdkFields) }
  }

  @Test func aClientSecretGoesAsTheSDKSendsIt() async throws {
    try await compare("client_secret", auth: AzureScene.clientSecret, sdk: ["SECRET": "s3cr3t+/=& %"])
  }

  @Test func aFederatedTokenGoesAsTheSDKSendsIt() async throws {
    let key = try JWTKey(.rs256)
    let claims = #"{"iss":"https://i","sub":"s","aud":"api://AzureADTokenExchange","exp":4000000000}"#
    try await withFolder { (folder: String) async throws in
      let path = "\(folder)/token"
      try write(try key.token(claims: claims), to: path)
      try await compare(
        "workload_identity",
        auth: #"{"tenant_id": "\#(AzureFake.tenant)", "client_id": "web", "token_file": "\#(path)"}"#,
        sdk: ["TOKEN_FILE": path],
        prepare: {
          $0.addFederation(
            client: "web", AzureFederation(issuer: "https://i", subject: "s", publicKeys: [key.publicPEM]))
        })
    }
  }

  @Test func instanceMetadataIsAskedAsTheSDKAsks() async throws {
    let variables = ["AZURE_POD_IDENTITY_AUTHORITY_HOST": "FAKE"]
    try await compare(
      "managed_identity", auth: #"{"method": "managed_identity"}"#, environment: variables, sdk: variables)
    try await compare(
      "managed_identity", auth: #"{"managed_identity_client_id": "mine"}"#, environment: variables,
      sdk: variables.merging(["CLIENT_ID": "mine"]) { $1 }, prepare: { $0.assignUserIdentity("mine") })
  }

  @Test func appServiceIsAskedAsTheSDKAsks() async throws {
    let variables = ["IDENTITY_ENDPOINT": "FAKE/msi/token", "IDENTITY_HEADER": AzureFake.identityHeader]
    try await compare(
      "managed_identity", auth: #"{"method": "managed_identity"}"#, environment: variables, sdk: variables)
  }

  @Test func arcIsAskedAsTheSDKAsks() async throws {
    try await withFolder { (folder: String) async throws in
      try AzureScene.run { (scene: AzureScene) async throws in
        let authority = try CertificateAuthority()
        try authority.authority.write(to: folder, name: "ca")
        let secure = try await scene.fake.listening(tls: .server(authority.server()))
        scene.fake.startArc(folder: folder)
        let theirs = try Self.recorded(scene) {
          scene.fake.setClock(unixTime: Int64(Date().timeIntervalSince1970))
          let variables = [
            "VAULT": secure.address, "REQUESTS_CA_BUNDLE": "\(folder)/ca.pem", "ARC_FOLDER": folder,
            "IDENTITY_ENDPOINT": scene.fake.arcEndpoint, "IMDS_ENDPOINT": scene.fake.address,
          ]
          let value = try MicrosoftSDK.read("managed_identity", environment: variables)
          #expect(value == "p@ss")
        }
        scene.fake.recorder.reset()
        let identity = ManagedIdentity(
          clientID: nil, connection: OpenConnection(named: "p", services: scene.services))
        _ = try await ArcIdentity(
          identity: identity, endpoint: try HTTPURL(parsing: scene.fake.arcEndpoint), folder: folder
        ).token(for: AzureFake.resource)
        let ours = scene.fake.recorder.requests.map { WireRequest($0) }
        #expect(ours == theirs.filter { !$0.line.contains("/secrets/") })
        #expect(ours.count == 2)
        await secure.stop()
      }
    }
  }
}
