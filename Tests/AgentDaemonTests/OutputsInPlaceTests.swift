import EventLoop
import Foundation
import NodePolicy
import SealedCache
import Synchronization
import TestSupport
import Testing
import Text

@testable import AgentDaemon

/// A start without a network never puts an older value in the place of what an earlier life of the daemon delivered.
@Suite struct OutputsInPlaceTests {
  private let scratch: ScratchFolder
  private let cache: GenerationCache
  private let log = RecordedLog()

  init() async throws {
    scratch = try ScratchFolder()
    let path = "\(scratch.path)/key"
    try await CacheKeyFile.create(at: path)
    let keys = try await CacheKeys.load(path: path, credentials: nil, tpm: TPMSeal(on: EventLoop()))
    cache = GenerationCache(try CacheFolder(scratch.path + "/cache", keys))
  }

  /// Whether the cache's folder can be written to; as on a full disk, what is in it stays.
  private func setWritable(_ isWritable: Bool) throws {
    let (folder, away) = (scratch.path + "/cache", scratch.path + "/away")
    if isWritable {
      try FileManager.default.removeItem(atPath: folder)
      try FileManager.default.moveItem(atPath: away, toPath: folder)
    } else {
      try FileManager.default.moveItem(atPath: folder, toPath: away)
      try Data().write(to: URL(fileURLWithPath: folder))
    }
  }

  /// One that delivered what it could not seal, and lost power and the network; its outputs are there.
  private func afterUnsealedDelivery(
    _ name: String, maxStale seconds: Int64? = nil, delivered: DeliveredGenerations? = nil
  ) async throws -> (before: SupervisorScene, scene: SupervisorScene) {
    var policy = NodePolicy.personal
    policy.maxStale = seconds.map { GoDuration(nanoseconds: $0 * 1_000_000_000) }
    let first = try await SupervisorScene(name, policy: policy, cache: cache)
    first.store.put("A", "1")
    first.store.put("B", "b")
    await first.list(["e": try first.item("e", ["A", "B"])])
    #expect(await first.generation("e", is: 1))
    await first.pass(.seconds(5))
    try setWritable(false)
    first.time.setUnixTime(first.time.unixTime + 100)
    first.store.put("A", "two")
    #expect(await first.reach { first.file("e", "A") == "two" })
    await first.pass(.seconds(5))
    await first.supervisor.stopAll()
    try setWritable(true)
    first.store.fail("A", .transient)
    first.store.fail("B", .transient)
    first.time.setUnixTime(first.time.unixTime + 120)
    let scene = try await SupervisorScene(
      name, in: first.root, time: first.time, store: first.store, policy: policy, cache: cache, delivered: delivered,
      log: log.logger)
    return (first, scene)
  }

  @Test func whatCouldNotBeSealedStaysAndIsStale() async throws {
    let (before, scene) = try await afterUnsealedDelivery("in place, unsealed")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(130))
    #expect(scene.file("e", "A") == "two" && scene.file("e", "B") == "b")
    #expect(scene.notices.all.isEmpty)
    let status = try #require(await scene.status("e"))
    #expect(status.state == .stale && status.generation == 2 && !status.isReady)
    #expect(status.problems.contains { $0.contains("newer than what the sealed cache has") })
    #expect(log.lines(of: "outputs are newer than the cache, and stay").count == 1)

    scene.store.put("A", "three")
    scene.store.put("B", "b")
    #expect(await scene.reach { scene.file("e", "A") == "three" })
    #expect(await scene.reach { await scene.status("e")?.state == .live })
    #expect(await scene.generation("e", is: 3))
    #expect(await scene.reach { await scene.status("e")?.problems == [] })
    withExtendedLifetime(before) {}
  }

  /// B is as it stands in place, by its version: A need not wait for it.
  @Test func whatItsStoreGivesAnewIsDeliveredBesideWhatIsTheSame() async throws {
    let (before, scene) = try await afterUnsealedDelivery("in place, in part")
    scene.store.put("A", "three")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reach { scene.file("e", "A") == "three" })
    #expect(scene.file("e", "B") == "b")
    withExtendedLifetime(before) {}
  }

  @Test func nobodyIsGivenTheOlderValue() async throws {
    let time = ManualTime()
    let delivered = await DeliveredGenerations(time: time, executor: nil)
    let (before, scene) = try await afterUnsealedDelivery("in place, asked for", delivered: delivered)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(70))
    #expect(await delivered.generation(of: "e") == nil)
    guard case .expected(let reason) = await scene.supervisor.overview.standing(of: "e") else {
      Issue.record("the execution is known")
      return
    }
    #expect(reason.contains("newer than what the sealed cache has"))
    scene.store.put("A", "two")
    scene.store.put("B", "b")
    #expect(await scene.reach { await delivered.generation(of: "e")?.number == 2 })
    withExtendedLifetime(before) {}
  }

  @Test func whatIsGoneIsMadeOfWhatTheCacheHas() async throws {
    let (before, scene) = try await afterUnsealedDelivery("in place, gone")
    try FileManager.default.removeItem(atPath: before.root + "/out/e")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reach(within: .seconds(5)) { scene.file("e", "A") == "1" })
  }

  /// What is in place ends by its own age, not by that of the older value in the cache.
  @Test func whatIsInPlaceEndsByItsOwnAge() async throws {
    let (before, scene) = try await afterUnsealedDelivery("in place, ending", maxStale: 150)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(10))
    #expect(scene.file("e", "A") == "two", "the older value is over by now")
    scene.time.setUnixTime(scene.time.unixTime + 40)
    #expect(await scene.reach(within: .seconds(60)) { !scene.exists("e") })
    withExtendedLifetime(before) {}
  }

  /// A crash in between leaves the cache ahead.
  @Test func aGenerationIsSealedBeforeItIsInPlace() async throws {
    let scene = try await SupervisorScene("in place, sealed first", cache: cache)
    scene.store.put("A", "1")
    let (execution, item) = (try scene.execution("e", ["A"]), try scene.item("e", ["A"]))
    await scene.list(["e": item])
    #expect(await scene.generation("e", is: 1))
    let seen = Mutex<[String]>([])
    scene.store.whenHandedOver = { [root = scene.root] in
      let value = try? String(contentsOfFile: "\(root)/out/e/A", encoding: .utf8)
      seen.withLock { $0.append(value ?? "none") }
    }
    scene.store.put("A", "two")
    #expect(await scene.reach { scene.file("e", "A") == "two" })
    func kept() -> String? { cache.restore(execution, item, "e").values.values.first?.payload.unsafeString() }
    #expect(await scene.reach { kept() == "two" })
    #expect(seen.withLock { $0.first } == "1", "asked for what is to be sealed, before the swap")
  }
}
