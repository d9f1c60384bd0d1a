import EventLoop
import ExecutionModel
import Logging
import Masking
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes
import Synchronization
import TestSupport

@testable import AgentDaemon

/// Pods' volumes over a scripted store, on virtual time.
final class PodVolumesScene: Sendable {
  static let web = WorkloadIdentity(namespace: "shop", serviceAccount: "web")
  static let api = WorkloadIdentity(namespace: "shop", serviceAccount: "api")

  let time = ManualTime()
  let store: ScriptedStore
  let tokens = WorkloadTokens()
  let volumes: PodVolumes
  private let scheduler: RefreshScheduler
  private let following: Task<Void, Never>

  init(_ name: String) async {
    store = ScriptedStore(name)
    store.put("A", "1")
    let registry = ProviderRegistry([ScriptedProvider.self])
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let services = ProviderServices.testing(
      transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time)
    let (changes, inbox) = AsyncStream<Set<String>>.makeStream()
    scheduler = await RefreshScheduler(
      pool: ProviderPool(registry: registry, services: services), time: time, random: { 0.5 }, nodeID: "node",
      log: log, observer: { inbox.yield($0) })
    let settings = Settings()
    volumes = await PodVolumes(
      catalog: registry.catalog, scheduler: scheduler, tokens: tokens, time: time, executor: nil, worker: nil,
      log: log, hidden: LiveValues()
    ) { ("node", settings.policy) }
    self.settings = settings
    let volumes = volumes
    following = Task {
      for await owners in changes {
        await volumes.valuesChanged(owners)
      }
    }
  }

  deinit { following.cancel() }

  /// What is in force on the node.
  private final class Settings: Sendable {
    private let held = Mutex(NodePolicy.personal)

    var policy: NodePolicy {
      get { held.withLock { $0 } }
      set { held.withLock { $0 = newValue } }
    }
  }

  private let settings: Settings

  func reload(_ policy: NodePolicy) async {
    settings.policy = policy
    await volumes.reload()
  }

  /// A class of the secrets `keys`; two with another `refresh` are two.
  func document(_ keys: [String] = ["A"], refresh: Int = 60) -> SecretBytes {
    let secrets = keys.map { "  \($0): {from: p, key: \($0), refresh: \(refresh)s}\n" }
    return SecretBytes(
      "secret_providers: {p: {provider: scripted, store: \"\(store.name)\"}}\nsecrets:\n\(secrets.joined())")
  }

  /// One that says to be of `identity`.
  static func token(of identity: WorkloadIdentity) -> SecretBytes {
    let claims = #"{"sub":"system:serviceaccount:\#(identity.namespace):\#(identity.serviceAccount)"}"#
    return SecretBytes("e30.\(Base64.encode(SecretBytes(claims), .url).unsafeString() ?? "").c2ln")
  }

  func request(
    _ identity: WorkloadIdentity = web, _ document: SecretBytes? = nil, tokenOf other: WorkloadIdentity? = nil
  ) -> VolumeRequest {
    VolumeRequest(
      identity: identity, pod: "pod", document: document ?? self.document(),
      tokens: ["vault": Self.token(of: other ?? identity)])
  }

  /// The answer, for which time passes.
  func answer(_ request: VolumeRequest) async -> PodVolumes.Answer {
    let passing = Task {
      while !Task.isCancelled {
        for _ in 0..<20 {
          await Task.yield()
        }
        if await !scheduler.isFetching {
          time.advance(by: .milliseconds(100))
        }
      }
    }
    defer { passing.cancel() }
    return await volumes.answer(request)
  }

  /// Lets the scheduler do what is due.
  func pass(_ span: Duration) async {
    let end = time.now.advanced(by: span)
    while time.now < end {
      for _ in 0..<20 {
        await Task.yield()
      }
      if await !scheduler.isFetching {
        time.advance(by: .seconds(1))
      }
    }
  }
}

extension PodVolumes.Answer {
  var values: [String: String]? {
    guard case .values(let generation) = self else {
      return nil
    }
    return Dictionary(uniqueKeysWithValues: generation.secrets.map { ($0.name, $0.value.unsafeString() ?? "") })
  }

  var generation: Int64? { if case .values(let generation) = self { generation.number } else { nil } }
  var problem: VolumeProblem? { if case .nothing(let problem, _) = self { problem } else { nil } }
  var lines: String { if case .nothing(_, let lines) = self { lines.joined(separator: "\n") } else { "" } }
}
