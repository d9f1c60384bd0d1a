import AWSProvider
import EventLoop
import ExecutionModel
import Foundation
import HTTPTransport
import Logging
import NodePolicy
import ProviderFakes
import ProviderKit
import Resolution
import SecretBytes
import Testing

/// Resolves a whole document against `fake`, as the command does.
private func resolve(_ document: String, _ loop: EventLoop) async throws -> [String: String] {
  let registry = ProviderRegistry([SecretsManagerProvider.self, ParameterStoreProvider.self, STSProvider.self])
  let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let services = ProviderServices(
    transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: loop,
    environment: NodeEnvironment(policy: .personal) { _ in nil }, policy: .personal, log: log, executor: loop)
  let execution = try registry.catalog.validate(ExecutionDocument(SecretBytes(document)).item(nil)).execution
  let pool = ProviderPool(registry: registry, services: services)
  let resolver = Resolver(pool: pool, time: loop)
  let generation = try await resolver.resolve(ExecutionPlan(execution), within: .seconds(60))
  await pool.closeAll(.ended)
  return Dictionary(uniqueKeysWithValues: generation.secrets.map { ($0.name, $0.value.unsafeString() ?? "") })
}

/// Runs `body` with a fake that knows one key, on the machine's own clock.
private func withFake(
  _ body: @escaping @Sendable (AWSFake, @escaping @Sendable (_ type: String) -> String, EventLoop) async throws -> Void
) throws {
  let loop = try EventLoop()
  let outcome = loop.run { () async -> Result<Void, any Error> in
    do {
      let fake = try await AWSFake.start()
      fake.addAccessKey("AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI")
      let address = fake.address
      try await body(
        fake,
        {
          #"{"provider": "\#($0)", "region": "us-east-1", "endpoint_url": "\#(address)", "auth": {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI"}}"#
        }, loop)
      await fake.stop()
      return .success(())
    } catch {
      return .failure(error)
    }
  }
  try outcome.get()
}

@Test func entriesThatDifferInFieldOnlyShareOneFetch() throws {
  try withFake { fake, provider, loop in
    fake.putSecret("web/db", #"{"user": "u", "password": "p", "port": 5432}"#)
    fake.putParameter("/web/db", #"{"host": "h", "name": "n"}"#)
    let values = try await resolve(
      #"""
      {"secret_providers": {"s": \#(provider("aws_secrets_manager")), "p": \#(provider("aws_ssm"))}, "secrets": {
        "USER": {"from": "s", "secret_id": "web/db", "field": "user"},
        "PASSWORD": {"from": "s", "secret_id": "web/db", "version_stage": "AWSCURRENT", "field": "password"},
        "PORT": {"from": "s", "secret_id": "web/db", "field": "port"},
        "HOST": {"from": "p", "name": "/web/db", "field": "host"},
        "NAME": {"from": "p", "name": "/web/db", "with_decryption": true, "field": "name"}}}
      """#, loop)
    #expect(values == ["USER": "u", "PASSWORD": "p", "PORT": "5432", "HOST": "h", "NAME": "n"])
    #expect(
      fake.recorder.requests.map(\.operation).sorted { $0 ?? "" < $1 ?? "" } == ["GetParameter", "GetSecretValue"])
  }
}

@Test func theExampleResolvesByWhatTheFakesHold() throws {
  let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let example = try String(contentsOf: root.appendingPathComponent("config/examples/aws.yaml"), encoding: .utf8)
  #expect(example.contains("http://127.0.0.1:4566"))
  try withFake { fake, _, loop in
    try FakesSeed(SecretBytes(FakesSeed.demo)).apply(to: fake)
    let values = try await resolve(
      example.replacingOccurrences(of: "http://127.0.0.1:4566", with: fake.address), loop)
    #expect(values["DB_PASSWORD"] == "correct horse battery staple")
    #expect(values["SIGNING_KEY"] == "AAECAwQFBgcICQ==")
    #expect(values["SMTP_PASSWORD"] == #"it's a "demo" $ecret"#)
    #expect(values["UPLOADS_SESSION_TOKEN"]?.isEmpty == false)
    #expect(fake.recorder.requests.count == 3)
  }
}
