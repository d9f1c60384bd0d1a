import EventLoop
import ExecutionModel
import HTTPTransport
import Logging
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import VaultProvider

/// A fake Vault and one connection to it, over real HTTP, on virtual time.
struct VaultScene {
  let fake: VaultFake
  let provider: any SecretProvider
  let connection: ProviderConnection
  let time: ManualTime
  private let services: ProviderServices

  /// A token without end: on a clock that skips sleeps, renewal would go on without a pause.
  static let endless = VaultFakeGrant(ttl: 0)
  static let appRole = #"{"method": "approle", "role_id": "r", "secret_id": "s"}"#

  /// Runs `body` on an event loop with a started fake.
  static func run(
    auth: String = appRole, more: String = "", time: ManualTime = ManualTime(skipsSleeps: true),
    policy: NodePolicy = .personal, environment: [String: String] = [:],
    prepare: @escaping @Sendable (VaultFake) throws -> Void = {
      $0.addAppRole(roleID: "r", secretID: "s", grant: endless)
    },
    _ body: @escaping @Sendable (VaultScene) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let outcome = loop.run { () async -> Result<Void, any Error> in
      do {
        let fake = try await VaultFake.start()
        try prepare(fake)
        let document = #"{"provider": "hashicorp_vault", "address": "\#(fake.address)", "auth": \#(auth)\#(more)}"#
        let connection = try ProviderConnection.testing(document, by: VaultProvider.descriptor)
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let services = ProviderServices(
          transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: time, random: { 0.5 },
          environment: NodeEnvironment(policy: policy) { environment[$0].map { SecretBytes($0) } }, policy: policy,
          log: log, executor: loop)
        let provider = try open(connection, services)
        try await body(
          VaultScene(fake: fake, provider: provider, connection: connection, time: time, services: services))
        await fake.stop()
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  private static func open(
    _ connection: ProviderConnection, _ services: ProviderServices
  ) throws -> any SecretProvider {
    try #require(
      VaultProvider.open(
        connection.key, over: OpenConnection(named: connection.name, services: services, takesCA: true)))
  }

  /// Another process with the same document.
  func restarted() throws -> VaultScene {
    VaultScene(
      fake: fake, provider: try Self.open(connection, services), connection: connection, time: time,
      services: services)
  }

  func reference(_ mount: String, _ path: String, _ numbers: [String: Int64] = [:]) -> Reference {
    var texts = ["mount": mount, "secret_path": path]
    texts["version"] = numbers["version"].map { "\($0)" }
    return connection.reference(texts, integers: numbers.filter { $0.key != "version" })
  }

  /// The payload of one secret as text.
  func read(_ mount: String, _ path: String, _ integers: [String: Int64] = [:]) async throws -> String? {
    let results = await provider.fetch(references: [reference(mount, path, integers)])
    return try #require(results.first).get().payload.unsafeString()
  }

  func failure(_ mount: String, _ path: String, _ integers: [String: Int64] = [:]) async throws -> ProviderFailure {
    let results = await provider.fetch(references: [reference(mount, path, integers)])
    guard case .failure(let failure)? = results.first else {
      throw UnexpectedSuccess()
    }
    return failure
  }

  var logins: Int { fake.recorder.requests.count { $0.path.hasSuffix("/login") } }

  struct UnexpectedSuccess: Error {}
}
