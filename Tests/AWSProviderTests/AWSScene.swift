import AWSProvider
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

/// A fake AWS and one connection to it, over real HTTP, on virtual time that both share.
struct AWSScene<Provider: SecretProvider> {
  let fake: AWSFake
  let provider: Provider
  let connection: ProviderConnection
  let services: ProviderServices
  let time: ManualTime
  /// Of the connection.
  let metrics: ConnectionMetrics
  private let auth: String

  static var keys: String { #"{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI"}"# }

  /// Runs `body` on an event loop with a started fake that knows ``keys``.
  static func run(
    auth: String = keys, more: String = "",
    environment: @escaping @Sendable (AWSFake) -> [String: String] = { _ in [:] },
    policy: NodePolicy = .personal,
    prepare: @escaping @Sendable (AWSFake) throws -> Void = { _ in },
    _ body: @escaping @Sendable (AWSScene) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let time = ManualTime(skipsSleeps: true)
    let outcome = loop.run { () async -> Result<Void, any Error> in
      do {
        let fake = try await AWSFake.start(clock: { time.unixTime })
        fake.addAccessKey("AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI")
        try prepare(fake)
        let scene = try AWSScene(
          fake, address: fake.address, auth: auth, more: more, environment: environment(fake), policy: policy,
          time: time, loop)
        try await body(scene)
        await fake.stop()
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  private init(
    _ fake: AWSFake, address: String, auth: String, more: String, environment: [String: String], policy: NodePolicy,
    time: ManualTime, _ loop: EventLoop
  ) throws {
    let document =
      #"{"provider": "\#(Provider.descriptor.type)", "region": "us-east-1", "endpoint_url": "\#(address)", "auth": \#(auth)\#(more)}"#
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    self.fake = fake
    self.time = time
    self.connection = try ProviderConnection.testing(document, by: Provider.descriptor)
    self.services = ProviderServices(
      transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: time, random: { 0.5 },
      environment: NodeEnvironment(policy: policy) { environment[$0].map { SecretBytes($0) } }, policy: policy,
      log: log, executor: loop)
    self.metrics = ConnectionMetrics()
    self.provider = try Self.open(connection, services, metrics)
    self.auth = auth
  }

  private init(_ scene: AWSScene, more: String) throws {
    let document =
      #"{"provider": "\#(Provider.descriptor.type)", "region": "us-east-1", "endpoint_url": "\#(scene.fake.address)", "auth": \#(scene.auth)\#(more)}"#
    fake = scene.fake
    time = scene.time
    services = scene.services
    metrics = ConnectionMetrics()
    auth = scene.auth
    connection = try ProviderConnection.testing(document, by: Provider.descriptor)
    provider = try Self.open(connection, services, metrics)
  }

  private static func open(
    _ connection: ProviderConnection, _ services: ProviderServices, _ metrics: ConnectionMetrics
  ) throws -> Provider {
    let open = OpenConnection(named: connection.name, services: services, metrics: metrics)
    return try #require(Provider.open(connection.key, over: open) as? Provider)
  }

  /// The same with another connection, whose provider also has `more`.
  func connecting(_ more: String) throws -> AWSScene { try AWSScene(self, more: more) }

  /// How often `operation` was called.
  func calls(_ operation: String) -> Int { fake.recorder.count(operation) }

  func fetch(_ references: [Reference]) async -> [FetchResult] { await provider.fetch(references: references) }

  /// The payload of one reference as text.
  func read(_ reference: Reference) async throws -> String? {
    try #require(await fetch([reference]).first).get().payload.unsafeString()
  }

  func failure(_ reference: Reference) async throws -> ProviderFailure {
    try failure(try #require(await fetch([reference]).first))
  }

  func failure(_ result: FetchResult) throws -> ProviderFailure {
    guard case .failure(let failure) = result else {
      throw UnexpectedSuccess()
    }
    return failure
  }
}

struct UnexpectedSuccess: Error {}

extension AWSScene where Provider == SecretsManagerProvider {
  func secret(_ id: String, version: String? = nil, stage: String? = nil) -> Reference {
    var texts = ["secret_id": id]
    texts["version_id"] = version
    texts["version_stage"] = stage
    return connection.reference(texts)
  }
}

extension AWSScene where Provider == ParameterStoreProvider {
  func parameter(_ name: String, decrypted: Bool? = nil) -> Reference {
    var lookup = FieldValues()
    lookup["name"] = .text(name)
    lookup["with_decryption"] = decrypted.map { .boolean($0) }
    do throws(FieldFault) {
      return try connection.descriptor.reference(lookup, over: connection.key)
    } catch {
      fatalError("\(error.field): \(error.message)")
    }
  }
}

extension FetchResult {
  var text: String? { (try? get())?.payload.unsafeString() }
}
