import EventLoop
import ExecutionModel
import Foundation
import Glibc
import Logging
import NodePolicy
import ProviderKit
import Refresh
import Resolution
import SecretBytes
import Synchronization
import TestSupport

@testable import AgentDaemon

/// A supervisor over a scripted store, on virtual time, with outputs in a folder of its own.
final class SupervisorScene: Sendable {
  let time: ManualTime
  let store: ScriptedStore
  let supervisor: ExecutionSupervisor
  let scheduler: RefreshScheduler
  let notices = SentNotices()
  let root: String
  private let ownsRoot: Bool
  private let following: Task<Void, Never>

  /// - Parameter root: the folder of an earlier scene, for what happens after a restart.
  init(
    _ name: String = #function, in root: String? = nil, time: ManualTime = ManualTime(), store: ScriptedStore? = nil,
    policy: NodePolicy = .personal, notices: Int = 1, sources: [String] = ["test"], folder: String = "{id}",
    worker: WorkerThread? = nil, cache: GenerationCache? = nil, delivered: DeliveredGenerations? = nil,
    log: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) async throws {
    self.time = time
    self.store = store ?? ScriptedStore(name)
    self.ownsRoot = root == nil
    self.root = root ?? NSTemporaryDirectory() + "secrets-agent-supervisor-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: self.root, withIntermediateDirectories: true)
    var configuration = AgentConfiguration()
    configuration.nodeID = "node"
    configuration.outputs.root = self.root + "/out"
    configuration.outputs.folder = folder
    configuration.notices = (0..<notices).map { .unitReload("unit-\($0)") }
    let registry = ProviderRegistry([ScriptedProvider.self])
    let sent = self.notices
    let (changes, inbox) = AsyncStream<Set<String>>.makeStream()
    let services = ProviderServices.testing(
      transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time, policy: policy)
    scheduler = await RefreshScheduler(
      pool: ProviderPool(registry: registry, services: services), time: time, random: { 0.5 }, nodeID: "node",
      log: log, observer: { inbox.yield($0) })
    supervisor = await ExecutionSupervisor(
      catalog: registry.catalog, scheduler: scheduler, configuration: configuration, policy: policy,
      records: try ExecutionRecords(stateFolder: self.root), time: time, log: log, executor: nil, worker: worker,
      cache: cache, delivered: delivered, sources: sources
    ) { event, notices, _, id, _, _ in
      sent.add(event == .change ? "\(id): \(notices.count)" : "\(id): stop")
      return []
    }
    let supervisor = supervisor
    following = Task {
      for await owners in changes {
        await supervisor.valuesChanged(owners)
      }
    }
  }

  deinit {
    following.cancel()
    if ownsRoot {
      try? FileManager.default.removeItem(atPath: root)
    }
  }

  /// The document of an execution with `keys` as secrets.
  func item(
    _ id: String, _ keys: [String], refresh: String = "60s", state: String = "running", job: String? = nil
  ) throws -> ExecutionDocument.Item {
    let secrets = keys.map { #""\#($0)": {"from": "p", "key": "\#($0)", "refresh": "\#(refresh)"}"# }
    let text = """
      {"id": "\(id)"\(job.map { #", "job_id": "\#($0)""# } ?? ""), "job_spec": {"secret_providers": {"p": {"provider": "scripted", "store": "\(store.name)"}},
       "secrets": {\(secrets.joined(separator: ","))}}, "status": {"desired_state": {"state_type": "\(state)"}}}
      """
    return try ExecutionDocument(SecretBytes(text)).item(nil)
  }

  /// The same, decoded.
  func execution(_ id: String, _ keys: [String], refresh: String = "60s") throws -> Execution {
    try ProviderCatalog([ScriptedProvider.descriptor]).validate(
      item(id, keys, refresh: refresh), in: ValidationContext()
    ).0
  }

  func list(
    _ items: [String: ExecutionDocument.Item], unreadable: [String: String] = [:], left: Set<String> = [],
    failure: String? = nil, from source: String = "test"
  ) async {
    await supervisor.note(
      SourceReport(source: source, listed: items, unreadable: unreadable, left: left, failure: failure))
  }

  func status(_ id: String) async -> ExecutionStatus? {
    await supervisor.overview.status().first { $0.id == id }
  }

  /// Lets virtual time pass until `condition` holds; false where it does not within `limit`.
  func reach(within limit: Duration = .seconds(600), _ condition: () async -> Bool) async -> Bool {
    let end = time.now.advanced(by: limit)
    while true {
      for _ in 0..<20 {
        if await condition() {
          return true
        }
        await Task.yield()
      }
      // Work that is under way takes no virtual time; it only has to get its turn.
      while await scheduler.isFetching {
        await Task.yield()
      }
      guard time.now < end else {
        return await condition()
      }
      time.advance(by: .milliseconds(100))
    }
  }

  /// Whether `condition` comes to hold before any time passes, however slow the machine.
  func reachAtOnce(_ condition: () async -> Bool) async -> Bool {
    for _ in 0..<50_000 {
      if await condition() {
        return true
      }
      await Task.yield()
    }
    return false
  }

  func generation(_ id: String, is number: Int64) async -> Bool {
    await reach { await status(id)?.generation == number }
  }

  /// Lets `span` of virtual time pass.
  func pass(_ span: Duration) async {
    _ = await reach(within: span) { false }
  }

  func file(_ id: String, _ name: String) -> String? {
    try? String(contentsOfFile: "\(root)/out/\(id)/\(name)", encoding: .utf8)
  }

  func exists(_ id: String) -> Bool { FileManager.default.fileExists(atPath: "\(root)/out/\(id)") }
}

/// Holds a thread back until it is opened.
final class Gate: Sendable {
  private let isOpen = Mutex(false)

  func wait() {
    while !isOpen.withLock({ $0 }) {
      sched_yield()
    }
  }

  func open() {
    isOpen.withLock { $0 = true }
  }
}

/// What the workloads were told, in order.
final class SentNotices: Sendable {
  private let sent = Mutex<[String]>([])

  var all: [String] { sent.withLock { $0 } }

  func add(_ notice: String) {
    sent.withLock { $0.append(notice) }
  }
}
