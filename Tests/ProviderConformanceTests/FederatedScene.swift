import AWSProvider
import AzureProvider
import EventLoop
import ExecutionModel
import GCPProvider
import HTTPTransport
import Logging
import NodePolicy
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

/// Clouds that take the token of another issuer for a login.
enum FederatedCloud: CaseIterable {
  case aws
  case azure
  case gcp

  static let role = "arn:aws:iam::123456789012:role/agent"
  static let pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"

  /// Of the tokens that its federation takes.
  var audience: String {
    switch self {
    case .aws: "sts.amazonaws.com"
    case .azure: "api://AzureADTokenExchange"
    case .gcp: "https:\(Self.pool)"
    }
  }

  /// What it says to a token that has ended, and to one for another audience.
  var refusals: (ended: String, otherAudience: String) {
    switch self {
    case .aws: ("ExpiredTokenException", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    case .azure: ("AADSTS700024", "invalid_client")
    case .gcp: ("invalid_grant", "invalid_grant")
    }
  }

  var provider: any SecretProvider.Type {
    switch self {
    case .aws: SecretsManagerProvider.self
    case .azure: AzureKeyVaultProvider.self
    case .gcp: GCPSecretManagerProvider.self
    }
  }

  func document(_ address: String, _ audience: String, _ folder: ScratchFolder) -> String {
    switch self {
    case .aws:
      #"{"provider": "aws_secrets_manager", "region": "us-east-1", "endpoint_url": "\#(address)", "#
        + #""auth": {"role": "\#(Self.role)", "jwt_spiffe": "\#(audience)"}}"#
    case .azure:
      #"{"provider": "azure_key_vault", "vault_url": "\#(address)", "auth": "#
        + #"{"tenant_id": "\#(AzureFake.tenant)", "client_id": "web", "jwt_spiffe": "\#(audience)"}}"#
    case .gcp:
      #"{"provider": "gcp_secret_manager", "project": "\#(GCPFake.project)", "#
        + #""auth": {"path": "\#(folder.path)/pool.json", "jwt_spiffe": "\#(audience)"}}"#
    }
  }

  /// Of the one secret that the cloud has.
  var lookup: [String: String] {
    switch self {
    case .aws: ["secret_id": "db"]
    case .azure: ["secret_name": "db"]
    case .gcp: ["secret": "db"]
    }
  }
}

/// A connection to a fake cloud whose federation trusts a Workload API, over real HTTP and the machine's clock.
struct FederatedScene: Sendable {
  let server: WorkloadAPIServer.Control
  private let provider: any SecretProvider
  private let reference: Reference
  private let recorder: RequestRecorder
  private let end: @Sendable () -> Void

  /// The cloud was asked for a login so often.
  var logins: Int {
    recorder.requests.count {
      $0.path.hasSuffix("/token") || $0.body.contains("Action=AssumeRoleWithWebIdentity")
    }
  }

  /// What a login gave counts no longer.
  func endLogins() { end() }

  private func fetch() async throws -> FetchResult {
    try #require(await provider.fetch(references: [reference]).first)
  }

  func read() async throws -> String? { try await fetch().get().payload.unsafeString() }

  func failure() async throws -> ProviderFailure {
    switch try await fetch() {
    case .success: throw FakeFault("the login was to fail")
    case .failure(let failure): return failure
    }
  }

  /// - Parameters:
  ///   - audience: in the document; `nil`: what the cloud takes.
  ///   - isNamedByPolicy: whether the policy says where the Workload API is; else the standard's variable does.
  static func run(
    _ cloud: FederatedCloud, audience: String? = nil, manner: WorkloadAPIServer.Manner = .issues,
    policy: NodePolicy = .personal, isNamedByPolicy: Bool = false, environment: [String: String] = [:],
    _ body: @escaping @Sendable (FederatedScene) async throws -> Void
  ) async throws {
    try await onThread {
      let folder = try ScratchFolder()
      let key = try Self.key.get()
      let process = try WorkloadAPIServer(
        in: folder.path, key: try folder.write(key.privatePEM, as: "key.pem"), manner)
      defer { withExtendedLifetime(process) {} }
      let server = process.control
      let loop = try EventLoop()
      let outcome = loop.run { () async -> Result<Void, any Error> in
        do {
          let store = try await Store.start(cloud, trusting: key, folder)
          let variables = store.variables.merging(["SPIFFE_ENDPOINT_SOCKET": server.address]) { $1 }
            .merging(environment) { $1 }
          var policy = policy
          policy.spiffeSocket = isNamedByPolicy ? server.address : nil
          let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
          let services = ProviderServices(
            transport: { HTTPClient(loop: loop, options: $0, log: log) }, time: loop,
            environment: NodeEnvironment(policy: policy) { variables[$0].map { SecretBytes($0) } }, policy: policy,
            log: log, executor: loop)
          let connection = try ProviderConnection.testing(
            cloud.document(store.address, audience ?? cloud.audience, folder), by: cloud.provider.descriptor)
          let provider = cloud.provider.open(
            connection.key, over: OpenConnection(named: connection.name, services: services))
          let scene = FederatedScene(
            server: server, provider: try #require(provider), reference: connection.reference(cloud.lookup),
            recorder: store.recorder, end: store.endLogins)
          let outcome = await Result { try await body(scene) }
          await store.stop()
          return outcome
        } catch {
          return .failure(error)
        }
      }
      try outcome.get()
    }
  }

  /// One for all tests: making one costs a second.
  private static let key = Result { try JWTKey(.rs256) }

  /// A fake cloud, as far as this scene needs it.
  private struct Store: Sendable {
    let address: String
    let variables: [String: String]
    let recorder: RequestRecorder
    let endLogins: @Sendable () -> Void
    let stop: @Sendable () async -> Void

    static func start(_ cloud: FederatedCloud, trusting key: JWTKey, _ folder: ScratchFolder) async throws -> Store {
      switch cloud {
      case .aws:
        let fake = try await AWSFake.start()
        fake.putSecret("db", "p@ss")
        fake.addWebIdentityRole(
          FederatedCloud.role, publicKeys: [key.publicPEM], issuer: WorkloadAPIServer.issuer, audience: cloud.audience,
          subject: WorkloadAPIServer.identity)
        return Store(
          address: fake.address, variables: ["AWS_ENDPOINT_URL_STS": fake.address], recorder: fake.recorder,
          endLogins: { AWSDouble.removeKeys(of: fake) }, stop: { await fake.stop() })
      case .azure:
        let fake = try await AzureFake.start()
        fake.put("db", "p@ss")
        fake.addFederation(
          client: "web",
          AzureFederation(
            issuer: WorkloadAPIServer.issuer, subject: WorkloadAPIServer.identity, publicKeys: [key.publicPEM]))
        return Store(
          address: fake.address, variables: ["AZURE_AUTHORITY_HOST": fake.address], recorder: fake.recorder,
          endLogins: { fake.revokeAllTokens() }, stop: { await fake.stop() })
      case .gcp:
        let fake = try await GCPFake.start()
        fake.put("db", "p@ss")
        fake.addPool(
          GCPIdentityPool(
            audience: FederatedCloud.pool, issuer: WorkloadAPIServer.issuer, publicKeys: [key.publicPEM]))
        try folder.write(
          #"{"type": "external_account", "audience": "\#(FederatedCloud.pool)", "#
            + #""subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "\#(fake.address)/v1/token", "#
            + #""credential_source": {"file": "/nonexistent/token"}}"#, as: "pool.json")
        return Store(
          address: fake.address,
          variables: ["CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": fake.address], recorder: fake.recorder,
          endLogins: { fake.revokeAllTokens() }, stop: { await fake.stop() })
      }
    }
  }
}

extension Result where Failure == any Error {
  fileprivate init(_ body: () async throws -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}
