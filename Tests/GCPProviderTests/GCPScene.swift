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

@testable import GCPProvider

/// A fake Google Cloud and connections to it, over real HTTP, on virtual time.
struct GCPScene: Sendable {
  let fake: GCPFake
  /// The same over TLS and HTTP/2, where Secret Manager is then read.
  let secure: GCPFake?
  let time: ManualTime
  let services: ProviderServices
  /// A folder that is gone after the test.
  let folder: String
  private let auth: String?

  static let account = "web@demo-project.iam.gserviceaccount.com"
  /// What stands for the fake's address in variables, since nobody knows it before.
  static let addressPlace = "FAKE"
  /// What stands for the test's folder.
  static let folderPlace = "FOLDER"
  /// One key for all tests: making one costs a second.
  static let key = Result { try JWTKey(.rs256) }

  /// Runs `body` on an event loop with a started fake that has the account `web` with a key in `FOLDER/key.json`, the machine's
  /// account and a secret. `auth` and the variables may name FAKE and FOLDER.
  static func run(
    auth: String? = #"{"service_account_key_file": "FOLDER/key.json"}"#, policy: NodePolicy = .personal,
    limits: RequestLimits = RequestLimits(), environment: [String: String] = [:], overHTTP2: Bool = false,
    prepare: @escaping @Sendable (GCPFake, String) throws -> Void = { _, _ in },
    _ body: @escaping @Sendable (GCPScene) async throws -> Void
  ) throws {
    let loop = try EventLoop()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gcp-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let outcome = loop.run { () async -> Result<Void, any Error> in
      do {
        let fake = try await GCPFake.start()
        let time = ManualTime(skipsSleeps: true)
        fake.setClock(unixTime: time.unixTime)
        try GCPProviderTests.write(fake.addKey(key.get(), to: account), to: "\(folder)/key.json")
        fake.assignMachineAccount("node@demo-project.iam.gserviceaccount.com")
        fake.put("db", "p@ss")
        try prepare(fake, folder)
        func placed(_ text: String) -> String {
          text.replacing(addressPlace, with: fake.address).replacing(folderPlace, with: folder)
        }
        var variables = [
          "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": fake.address,
          "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": fake.address,
          "GCE_METADATA_HOST": fake.metadataHost,
        ].merging(environment.mapValues(placed)) { $1 }
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let authority = overHTTP2 ? try CertificateAuthority() : nil
        let secure: GCPFake? =
          if let authority { try await fake.listening(tls: .http2(authority.server())) } else { nil }
        if let secure {
          variables["CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"] = secure.address
        }
        let services = ProviderServices(
          transport: { options in
            var options = options
            options.tls.ca = authority.map { SecretBytes($0.authority.certificate) }
            return HTTPClient(loop: loop, options: options, log: log)
          }, time: time, random: { 0.5 },
          environment: NodeEnvironment(policy: policy) { [variables] in variables[$0].map { SecretBytes($0) } },
          policy: policy,
          limits: limits, log: log, executor: loop)
        try await body(
          GCPScene(fake: fake, secure: secure, time: time, services: services, folder: folder, auth: auth.map(placed)))
        await secure?.stop()
        await fake.stop()
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// A connection of its own. `auth` as in ``run(auth:policy:limits:environment:prepare:_:)``.
  func connect(auth: String? = nil, more: String = "") throws -> GCPConnection {
    let block = (auth ?? self.auth).map {
      #", "auth": "# + $0.replacing(Self.addressPlace, with: fake.address).replacing(Self.folderPlace, with: folder)
    }
    let document =
      #"{"provider": "gcp_secret_manager", "project": "\#(GCPFake.project)"\#(block ?? "")\#(more)}"#
    let connection = try ProviderConnection.testing(document, by: GCPSecretManagerProvider.descriptor)
    return try GCPConnection(connection, over: services)
  }

  /// The text of one secret, over a fresh connection.
  func read(_ name: String, version: String? = nil) async throws -> String? {
    try await connect().fetch(name, version: version).get().payload.unsafeString()
  }

  /// Why one secret cannot be read, over a fresh connection.
  func failure(_ name: String, version: String? = nil) async throws -> ProviderFailure {
    try await connect().failure(name, version: version)
  }

  func advance(_ span: Duration) {
    time.advance(by: span)
    fake.setClock(unixTime: time.unixTime)
  }

  func write(_ text: String, to name: String) throws {
    try GCPProviderTests.write(text, to: "\(folder)/\(name)")
  }

  var logins: [RecordedRequest] {
    fake.recorder.requests.filter { ["/token", "/v1/token"].contains($0.path) || $0.path.hasSuffix("default/token") }
  }

  var reads: [RecordedRequest] { fake.recorder.requests.filter { $0.path.hasSuffix(":access") } }
}

struct GCPConnection: Sendable {
  let provider: GCPSecretManagerProvider
  let connection: ProviderConnection

  init(_ connection: ProviderConnection, over services: ProviderServices) throws {
    self.connection = connection
    let open = OpenConnection(named: connection.name, services: services)
    provider = try #require(
      GCPSecretManagerProvider.open(connection.key, over: open) as? GCPSecretManagerProvider)
  }

  func reference(_ name: String, version: String? = nil) -> Reference {
    connection.reference(["secret": name].merging(version.map { ["version": $0] } ?? [:]) { $1 })
  }

  func fetch(_ name: String, version: String? = nil) async throws -> FetchResult {
    try #require(await provider.fetch(references: [reference(name, version: version)]).first)
  }

  /// Waits for the renewal that is under way, if there is one.
  func renewed() async {
    await provider.session.attempt?.value
  }

  func failure(_ name: String, version: String? = nil) async throws -> ProviderFailure {
    guard case .failure(let failure) = try await fetch(name, version: version) else {
      throw UnexpectedSuccess()
    }
    return failure
  }
}

struct UnexpectedSuccess: Error {}

func write(_ text: String, to path: String) throws {
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
}
