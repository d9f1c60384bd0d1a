import EventLoop
import ExecutionModel
import Foundation
import NodePolicy
import ProviderKit
import Resolution
import SealedCache
import SecretBytes
import TestSupport
import Testing
import Text

@testable import AgentDaemon

/// How long a command with `--offline-ok` asks stores before it goes on with what is kept.
@Suite struct OfflineValuesTests {
  private let scratch: ScratchFolder
  private let cache: GenerationCache

  init() async throws {
    scratch = try ScratchFolder()
    let path = scratch.path + "/key"
    try await CacheKeyFile.create(at: path)
    let keys = try await CacheKeys.load(path: path, credentials: nil, tpm: TPMSeal(on: EventLoop()))
    cache = GenerationCache(try CacheFolder(scratch.path + "/cache", keys))
  }

  /// A document of two secrets, its store, and a clock.
  private struct Scene {
    /// Sleeping moves it on, so that what is waited for is what passes.
    let time = ManualTime(skipsSleeps: true)
    let store: ScriptedStore
    let log = RecordedLog()
    let execution: Execution
    let item: ExecutionDocument.Item
    let cache: GenerationCache
    let resolver: Resolver

    init(_ name: String, _ cache: GenerationCache) throws {
      self.cache = cache
      store = ScriptedStore(name)
      store.put("A", "1")
      store.put("B", "2")
      let text = """
        {"name": "web", "secret_providers": {"p": {"provider": "scripted", "store": "\(name)"}},
         "secrets": {"A": {"from": "p", "key": "A"}, "B": {"from": "p", "key": "B"}}}
        """
      item = try ExecutionDocument(SecretBytes(text)).item(nil)
      let registry = ProviderRegistry([ScriptedProvider.self])
      execution = try registry.catalog.validate(item, in: ValidationContext()).execution
      let services = ProviderServices.testing(
        transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time)
      resolver = Resolver(pool: ProviderPool(registry: registry, services: services), time: time)
    }

    /// What a run came to, and how long it took.
    func run(
      within limit: Duration = .seconds(60), patience: Duration = OfflineValues.patience, policy: NodePolicy = .personal
    ) async -> (values: [String]?, took: Duration) {
      let start = time.now
      let offline = OfflineValues(
        cache, execution, item, policy: policy, keepsLeases: true, patience: patience, time: time, log: log.logger)
      let generation = try? await offline.generation(of: ExecutionPlan(execution), by: resolver, within: limit)
      let took = start.duration(to: time.now)
      return (generation?.secrets.map { $0.value.unsafeString() ?? "" }, took)
    }
  }

  private func cut(_ scene: Scene, hanging: Bool) {
    for key in ["A", "B"] {
      scene.store.fail(key, ProviderFailure(.transient, connection: "p", reference: key, "cannot be reached"))
    }
    scene.store.hangs = hanging
  }

  @Test(arguments: [true, false])
  func anOutageIsNotSatOutWhereAllIsKept(_ hangs: Bool) async throws {
    let scene = try Scene("kept, hangs \(hangs)", cache)
    #expect(await scene.run().values == ["1", "2"])
    cut(scene, hanging: hangs)
    let second = await scene.run()
    #expect(second.values == ["1", "2"])
    #expect(second.took < .seconds(10), "\(second.took)")
    #expect(scene.log.lines(of: "stale value used").count == 2)
  }

  @Test func howLongIsForThePersonToSay() async throws {
    let scene = try Scene("kept, patient", cache)
    #expect(await scene.run().values == ["1", "2"])
    cut(scene, hanging: true)
    let third = await scene.run(patience: .seconds(30))
    #expect(third.values == ["1", "2"])
    #expect(third.took > .seconds(20) && third.took < .seconds(35), "\(third.took)")
    let fourth = await scene.run(within: .seconds(2), patience: .seconds(30))
    #expect(fourth.values == ["1", "2"])
    #expect(fourth.took <= .seconds(2), "\(fourth.took)")
  }

  /// Nothing is won by giving up early.
  @Test func theWholeLimitIsForWhatIsNotKept() async throws {
    let scene = try Scene("not kept", cache)
    cut(scene, hanging: true)
    let run = await scene.run(within: .seconds(30))
    #expect(run.values == nil)
    #expect(run.took > .seconds(25), "\(run.took)")
  }

  @Test func norIsAnythingWonWhereItIsTooOld() async throws {
    let scene = try Scene("kept, too old", cache)
    #expect(await scene.run().values == ["1", "2"])
    scene.time.advance(by: .seconds(3600))
    cut(scene, hanging: true)
    var policy = NodePolicy.personal
    policy.maxStale = GoDuration(nanoseconds: 600_000_000_000)
    let run = await scene.run(within: .seconds(30), policy: policy)
    #expect(run.values == nil)
    #expect(run.took > .seconds(25), "\(run.took)")
  }

  @Test func aRefusalIsTheStoresWordHoweverSoonItComes() async throws {
    let scene = try Scene("kept, refused", cache)
    #expect(await scene.run().values == ["1", "2"])
    cut(scene, hanging: false)
    scene.store.fail("A", .denied)
    #expect(await scene.run().values == nil)
    cut(scene, hanging: true)
    #expect(await scene.run(within: .seconds(10)).values == nil, "destroyed")
  }
}
