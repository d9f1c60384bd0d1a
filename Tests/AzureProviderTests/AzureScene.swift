import AzureProvider
import EventLoop
import ExecutionModel
import Foundation
import HTTPTransport
import Logging
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// A fake Azure and connections to its vault, over real HTTP, on virtual time.
struct AzureScene: Sendable {
  let fake: AzureFake
  let time: ManualTime
  let services: ProviderServices
  private let auth: String

  static let clientSecret =
    #"{"tenant_id": "\#(AzureFake.tenant)", "client_id": "web", "client_secret_env": "WEB_SECRET"}"#

  /// What stands for the fake's address in variables, since nobody knows it before.
  static let addressPlace = "FAKE"

  /// Runs `body` on an event loop with a started fake that has the application `web`, the machine's identity `node` and a secret.
  static func run(
    auth: String = clientSecret, policy: NodePolicy = .personal, limits: RequestLimits = RequestLimits(),
    environment: [String: String] = [:],
    _ body: @escaping @Sendable (AzureScene) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let outcome = loop.run { () async -> Result<Void, any Error> in
      do {
        let fake = try await AzureFake.start()
        let time = ManualTime(skipsSleeps: true)
        fake.setClock(unixTime: time.unixTime)
        fake.addClient("web", secret: "s3cr3t+/=& %")
        fake.assignSystemIdentity("node")
        fake.put("db", "p@ss")
        let variables = ["AZURE_AUTHORITY_HOST": fake.address, "WEB_SECRET": "s3cr3t+/=& %"]
          .merging(environment) { $1 }.mapValues { $0.replacing(addressPlace, with: fake.address) }
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let services = ProviderServices(
          transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: time, random: { 0.5 },
          environment: NodeEnvironment(policy: policy) { variables[$0].map { SecretBytes($0) } }, policy: policy,
          limits: limits, log: log, executor: loop)
        try await body(AzureScene(fake: fake, time: time, services: services, auth: auth))
        await fake.stop()
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// A connection of its own to the fake's vault, or to another one.
  func connect(vault: String? = nil, auth: String? = nil) throws -> AzureConnection {
    let document =
      #"{"provider": "azure_key_vault", "vault_url": "\#(vault ?? fake.address)", "auth": \#(auth ?? self.auth)}"#
    let connection = try ProviderConnection.testing(document, by: AzureKeyVaultProvider.descriptor)
    let provider = AzureKeyVaultProvider.open(
      connection.key, over: OpenConnection(named: connection.name, services: services))
    return AzureConnection(provider: try #require(provider), connection: connection)
  }

  /// The text of one secret, over a fresh connection.
  func read(_ name: String, version: String? = nil) async throws -> String? {
    try await connect().fetch(name, version: version).get().payload.unsafeString()
  }

  /// Why one secret cannot be read, over a fresh connection.
  func failure(_ name: String, version: String? = nil) async throws -> ProviderFailure {
    guard case .failure(let failure) = try await connect().fetch(name, version: version) else {
      throw UnexpectedSuccess()
    }
    return failure
  }

  var tokenRequests: [RecordedRequest] { fake.recorder.requests.filter { $0.path.hasSuffix("/token") } }
  var vaultRequests: [RecordedRequest] { fake.recorder.requests.filter { $0.path.hasPrefix("/secrets") } }
}

struct AzureConnection: Sendable {
  let provider: any SecretProvider
  let connection: ProviderConnection

  func reference(_ name: String, version: String? = nil) -> Reference {
    connection.reference(["secret_name": name].merging(version.map { ["version": $0] } ?? [:]) { $1 })
  }

  func fetch(_ name: String, version: String? = nil) async throws -> FetchResult {
    try #require(await provider.fetch(references: [reference(name, version: version)]).first)
  }
}

struct UnexpectedSuccess: Error {}

/// The failure that `body` ends with.
func failure(of body: () async throws -> Void) async throws -> ProviderFailure {
  do {
    try await body()
  } catch let failure as ProviderFailure {
    return failure
  }
  throw UnexpectedSuccess()
}

/// A folder that is gone after `body`.
func withFolder<R>(_ body: (String) async throws -> R) async throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("azure-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try await body(folder.path)
}

func write(_ text: String, to path: String) throws {
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
}
