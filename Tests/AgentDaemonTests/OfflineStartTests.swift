import EventLoop
import ExecutionModel
import Foundation
import NodePolicy
import ProviderKit
import SealedCache
import SecretBytes
import TestSupport
import Testing
import Text

@testable import AgentDaemon

/// What a start without a network has, and what becomes of it when the store answers.
@Suite struct OfflineStartTests {
  private let scratch: ScratchFolder
  private let cache: GenerationCache

  init() async throws {
    scratch = try ScratchFolder()
    cache = try await Self.cache(in: scratch, key: "key")
  }

  private static func cache(in scratch: ScratchFolder, key: String) async throws -> GenerationCache {
    let path = "\(scratch.path)/\(key)"
    try await CacheKeyFile.create(at: path)
    let keys = try await CacheKeys.load(path: path, credentials: nil, tpm: TPMSeal(on: EventLoop()))
    return GenerationCache(try CacheFolder(scratch.path + "/cache", keys))
  }

  private var files: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/cache").filter { $0.hasSuffix(".sealed") }
    }
  }

  /// A node that had its values, and lost power and the network; its outputs were in memory.
  private func afterPowerCut(
    _ name: String, policy: NodePolicy = .personal, offFor span: Duration = .seconds(3600),
    expiringIn life: Duration? = nil, log: RecordedLog = RecordedLog()
  ) async throws -> SupervisorScene {
    let first = try await SupervisorScene(name, policy: policy, cache: cache)
    first.store.put("A", "1", expiringIn: life)
    first.store.put("B", "2")
    await first.list(["e": try first.item("e", ["A", "B"])])
    #expect(await first.generation("e", is: 1))
    #expect(await first.reach { (try? files.count) == 1 })
    await first.supervisor.stopAll()
    first.store.fail("A", .transient)
    first.store.fail("B", .transient)
    first.time.setUnixTime(first.time.unixTime + span.components.seconds)
    return try await SupervisorScene(
      name, time: first.time, store: first.store, policy: policy, cache: cache, log: log.logger)
  }

  @Test func theLastGenerationIsThereAndStaleUntilTheStoreAnswers() async throws {
    let scene = try await afterPowerCut("offline")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(
      await scene.reachAtOnce { scene.file("e", "B") == "2" }, "without waiting for the store")
    #expect(scene.file("e", "A") == "1")
    #expect(await scene.reachAtOnce { await scene.status("e")?.state == .stale })
    let status = try #require(await scene.status("e"))
    #expect(status.secrets.allSatisfy { $0.source == .stale })
    #expect(status.secrets.allSatisfy { $0.age.map { $0 >= .seconds(3600) } == true })
    scene.store.put("A", "3")
    scene.store.put("B", "2")
    #expect(await scene.reach(within: .seconds(130)) { scene.file("e", "A") == "3" })
    #expect(await scene.reach(within: .seconds(130)) { await scene.status("e")?.state == .live })
  }

  /// The refusal came while it ran, so that nothing is in the cache any more when it starts again.
  @Test func whatWasRefusedBeforeARestartIsWithdrawnAfterIt() async throws {
    let first = try await SupervisorScene(cache: cache)
    first.store.put("A", "1")
    await first.list(["e": try first.item("e", ["A"])])
    #expect(await first.generation("e", is: 1))
    #expect(await first.reach { (try? files.count) == 1 })
    first.store.fail("A", .denied)
    #expect(await first.reach(within: .seconds(130)) { (try? files.isEmpty) == true })
    #expect(first.file("e", "A") == "1", "the last good generation stays while it runs")

    let second = try await SupervisorScene(in: first.root, time: first.time, store: first.store, cache: cache)
    await second.list(["e": try second.item("e", ["A"])])
    #expect(await second.reach { second.file("e", "A") == nil })
  }

  @Test(arguments: [true, false])
  func whatTheStoreRefusesThenIsDestroyed(_ isDenied: Bool) async throws {
    let scene = try await afterPowerCut("offline, refused \(isDenied)")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
    scene.store.put("B", "2")
    scene.store.fail("A", isDenied ? .denied : .missing)
    #expect(await scene.reach(within: .seconds(130)) { !scene.exists("e") }, "the outputs are withdrawn")
    let (execution, item) = (try scene.execution("e", ["A", "B"]), try scene.item("e", ["A", "B"]))
    #expect(
      await scene.reach(within: .seconds(130)) { cache.restore(execution, item, "e").values.count == 1 },
      "and so is the entry")
  }

  private static func policy(_ reaction: NodePolicy.StaleReaction, maxStale seconds: Int64? = nil) -> NodePolicy {
    var policy = NodePolicy.personal
    policy.onMaxStale = reaction
    policy.maxStale = seconds.map { GoDuration(nanoseconds: $0 * 1_000_000_000) }
    return policy
  }

  @Test func whatIsKeptStaysThoughItsStoreRefusesIt() async throws {
    let scene = try await afterPowerCut("offline, refused and kept", policy: Self.policy(.keep))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
    scene.store.put("B", "2")
    scene.store.fail("A", .denied)
    let (execution, item) = (try scene.execution("e", ["A", "B"]), try scene.item("e", ["A", "B"]))
    #expect(
      await scene.reach(within: .seconds(130)) { cache.restore(execution, item, "e").values.count == 1 },
      "the entry is destroyed all the same")
    await scene.pass(.seconds(120))
    #expect(scene.file("e", "A") == "1" && scene.file("e", "B") == "2")
    #expect(await scene.status("e")?.state == .failing)
    #expect(scene.notices.all.isEmpty)
  }

  @Test func aWorkloadIsStoppedOnceAndStartedWhenItsValueIsBack() async throws {
    let scene = try await afterPowerCut("offline, refused and stopped", policy: Self.policy(.stop))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.exists("e") })
    scene.store.put("B", "2")
    scene.store.fail("A", .denied)
    #expect(await scene.reach(within: .seconds(130)) { scene.notices.all == ["e: stop"] })
    #expect(!scene.exists("e"))
    await scene.pass(.seconds(300))
    #expect(scene.notices.all == ["e: stop"])
    scene.store.put("A", "3")
    #expect(await scene.reach(within: .seconds(1000)) { scene.notices.all == ["e: stop", "e: 1"] })
    #expect(scene.file("e", "A") == "3" && scene.file("e", "B") == "2")
  }

  @Test func aValueThatGetsTooOldStopsItsWorkload() async throws {
    let scene = try await SupervisorScene(policy: Self.policy(.stop, maxStale: 600))
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.fail("A", .transient)
    await scene.pass(.seconds(500))
    #expect(scene.exists("e") && scene.notices.all.isEmpty)
    await scene.pass(.seconds(120))
    await scene.supervisor.audit()
    #expect(await scene.reach(within: .seconds(130)) { scene.notices.all == ["e: stop"] })
    #expect(!scene.exists("e"))
  }

  /// By its own time, which no audit has to come by for.
  @Test(arguments: [false, true])
  func aValueLeavesWhenItIsTooOld(_ hangs: Bool) async throws {
    let scene = try await SupervisorScene(
      "too old by the clock \(hangs)", policy: Self.policy(.remove, maxStale: 9))
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"], refresh: "5s")])
    #expect(await scene.generation("e", is: 1))
    await scene.pass(.seconds(60))
    #expect(scene.exists("e"), "while it is refreshed")
    if hangs {
      scene.store.hangs = true
    } else {
      scene.store.fail("A", .transient)
    }
    let last = try #require(await scene.status("e")?.secrets.first?.age)
    let left = Duration.seconds(9) - last
    for _ in 0..<Int(left / .milliseconds(100)) - 1 {
      scene.time.advance(by: .milliseconds(100))
      for _ in 0..<50 {
        await Task.yield()
      }
    }
    #expect(scene.exists("e"))
    for _ in 0..<15 {
      scene.time.advance(by: .milliseconds(100))
      for _ in 0..<50 {
        await Task.yield()
      }
    }
    #expect(await scene.reachAtOnce { !scene.exists("e") })
    scene.store.hangs = false
  }

  @Test func aValueThatGetsTooOldIsKeptWhereThePolicySaysSo() async throws {
    let scene = try await afterPowerCut("offline, too old and kept", policy: Self.policy(.keep, maxStale: 600))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "B") == "2" })
    #expect(await scene.reachAtOnce { await scene.status("e")?.state == .stale })
    #expect(await scene.status("e")?.isReady == false)
  }

  /// A page of a captive portal, and a credential that is not there yet, are not the store's word.
  @Test(arguments: [ProviderFailure.Class.malformed, .policy])
  func whatIsNotTheStoresWordDestroysNothing(_ kind: ProviderFailure.Class) async throws {
    let scene = try await afterPowerCut("offline, \(kind)")
    scene.store.fail("A", kind)
    scene.store.fail("B", ProviderFailure(.denied, connection: "p", "a credential's file is missing"))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(300))
    #expect(scene.file("e", "A") == "1" && scene.file("e", "B") == "2")
    #expect(try files.count == 1)
  }

  @Test func aValueOlderThanThePolicyAllowsIsNotDelivered() async throws {
    let policy = Self.policy(.remove, maxStale: 600)
    let scene = try await afterPowerCut("offline, too old", policy: policy)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(5))
    #expect(!scene.exists("e"))
  }

  @Test func whatAnotherDocumentAsksForIsNotAnsweredAndNotDestroyed() async throws {
    let scene = try await afterPowerCut("offline, changed")
    await scene.list(["e": try scene.item("e", ["A", "B"], refresh: "61s")])
    await scene.pass(.seconds(70))
    #expect(!scene.exists("e"))
    #expect(try files.count == 1)
    let again = try await SupervisorScene("offline, changed", time: scene.time, store: scene.store, cache: cache)
    await again.list(["e": try again.item("e", ["A", "B"])])
    #expect(await again.reachAtOnce { again.file("e", "B") == "2" })
  }

  @Test func aDocumentThatChangesIsSealedAnew() async throws {
    let first = try await SupervisorScene("offline, edited", cache: cache)
    first.store.put("A", "1")
    await first.list(["e": try first.item("e", ["A"])])
    #expect(await first.generation("e", is: 1))
    let edited = try first.item("e", ["A"], refresh: "61s")
    let execution = try first.execution("e", ["A"], refresh: "61s")
    await first.list(["e": edited])
    #expect(await first.reach(within: .seconds(130)) { cache.restore(execution, edited, "e").values.count == 1 })
  }

  /// The place of one in the list of executions moves while others are taken in.
  @Test func manyAreRestoredTogether() async throws {
    let ids = (0..<40).map { "e\($0)" }
    let first = try await SupervisorScene("offline, many", cache: cache)
    first.store.put("A", "1")
    let items = Dictionary(uniqueKeysWithValues: try ids.map { ($0, try first.item($0, ["A"])) })
    await first.list(items)
    #expect(await first.reach { (try? files.count) == ids.count })
    await first.supervisor.stopAll()
    first.store.fail("A", .transient)
    let second = try await SupervisorScene(
      "offline, many", time: first.time, store: first.store, worker: try WorkerThread(), cache: cache)
    await second.list(items)
    #expect(await second.reach { ids.allSatisfy { second.file($0, "A") == "1" } })
  }

  @Test func aWrongKeyDestroysNothing() async throws {
    let scene = try await afterPowerCut("offline, wrong key")
    let other = try await Self.cache(in: scratch, key: "other")
    let wrong = try await SupervisorScene("offline, wrong key", time: scene.time, store: scene.store, cache: other)
    await wrong.list(["e": try wrong.item("e", ["A", "B"])])
    await wrong.pass(.seconds(70))
    #expect(try files.count == 1)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
  }

  @Test func anAlteredFileIsSaidAndNotUsed() async throws {
    let scene = try await afterPowerCut("offline, altered")
    let file = try scratch.path + "/cache/" + #require(files.first)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(fileURLWithPath: file))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(5))
    #expect(!scene.exists("e"))
  }

  @Test func anExecutionThatEndsLeavesNothing() async throws {
    let scene = try await afterPowerCut("offline, ended")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.exists("e") })
    await scene.list([:], left: ["e"])
    #expect(try files.isEmpty)
  }

  @Test func aClockThatStartsAtZeroIsNoYoungerValue() async throws {
    let scene = try await afterPowerCut("offline, no clock", offFor: .seconds(-1_000_000))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
  }

  /// A node without a battery for its clock hears the time after it has booted.
  @Test func aClockThatIsSetLaterTellsTheTrueAge() async throws {
    let scene = try await afterPowerCut(
      "offline, clock set", policy: Self.policy(.remove, maxStale: 600), offFor: .seconds(-1_000_000))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
    scene.time.setUnixTime(scene.time.unixTime + 1_000_000 + 3600)
    await scene.supervisor.audit()
    #expect(await scene.reach(within: .seconds(5)) { !scene.exists("e") }, "older than max_stale")
    #expect(await scene.status("e")?.secrets.first?.age.map { $0 >= .seconds(3600) } == true)
  }

  @Test func aClockThatWasAheadMakesNoValueOlderForEver() async throws {
    let scene = try await afterPowerCut(
      "offline, clock ahead", policy: Self.policy(.remove, maxStale: 600), offFor: .seconds(1_000_000))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    await scene.pass(.seconds(5))
    #expect(!scene.exists("e"))
    scene.time.setUnixTime(scene.time.unixTime - 1_000_000)
    await scene.supervisor.audit()
    #expect(await scene.reach(within: .seconds(5)) { scene.file("e", "A") == "1" })
  }

  /// By a clock at zero it would end decades later.
  @Test func aValueThatEndsByItselfLivesNoLongerByAWrongClock() async throws {
    let scene = try await afterPowerCut(
      "offline, clock and end", offFor: .seconds(-1_000_000), expiringIn: .seconds(900))
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
    let left = try #require(await scene.status("e")?.secrets.first?.expiresIn)
    #expect(left <= .seconds(900) && left > .seconds(600))
  }

  @Test func theLogTellsWhenAllIsLiveAgain() async throws {
    let log = RecordedLog()
    let scene = try await afterPowerCut("offline, live again", log: log)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
    await scene.pass(.seconds(100))
    // The same value, and never a failure told of: nothing else says that the store is back.
    scene.store.put("B", "2")
    await scene.pass(.seconds(130))
    let message = "values from the cache are live again"
    #expect(log.lines(of: message).isEmpty, "of one of two")
    scene.store.put("A", "1")
    #expect(await scene.reach(within: .seconds(130)) { !log.lines(of: message).isEmpty })
    let line = try #require(log.lines(of: message).first)
    #expect(line.contains(" execution=e") && line.contains(" secrets=2"))
    #expect(await scene.status("e")?.generation == 1)
    await scene.pass(.seconds(300))
    #expect(log.lines(of: message).count == 1)
  }

  @Test func aStoreThatAnswersAtOnceIsToldOfWithoutAnAudit() async throws {
    let log = RecordedLog()
    let scene = try await afterPowerCut("offline, answered at once", log: log)
    scene.store.put("A", "1")
    scene.store.put("B", "2")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(
      await scene.reach(within: .seconds(1)) { log.lines(of: "values from the cache are live again").count == 1 })
  }

  /// A start costs the flash nothing, and restores its own.
  @Test func whatIsKeptAlreadyIsNotWrittenAgain() async throws {
    let scene = try await afterPowerCut("offline, not written")
    let path = try scratch.path + "/cache/" + #require(files.first)
    func file() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    let before = try file()
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reachAtOnce { scene.file("e", "A") == "1" })
    await scene.pass(.seconds(5))
    await scene.supervisor.audit()
    await scene.pass(.seconds(1))
    #expect(try file() == before)
    scene.store.put("A", "1")
    scene.store.put("B", "2")
    #expect(await scene.reach(within: .seconds(130)) { (try? file()) != before }, "an hour younger")
  }

  @Test func aNewKeySealsAnewWhatIsKept() async throws {
    let scene = try await afterPowerCut("offline, rotated")
    let key = scratch.path + "/key"
    try await CacheKeyFile.rotate(at: key)
    let keys = try await CacheKeys.load(path: key, credentials: nil, tpm: TPMSeal(on: EventLoop()))
    let folder = try CacheFolder(scratch.path + "/cache", keys)
    #expect(!folder.isOfNewestKey("e"))
    let second = try await SupervisorScene(
      "offline, rotated", time: scene.time, store: scene.store, cache: GenerationCache(folder))
    await second.list(["e": try second.item("e", ["A", "B"])])
    #expect(await second.reach(within: .seconds(5)) { folder.isOfNewestKey("e") }, "while the store is away")
    #expect(try folder.read("e")?.values.count == 2)
  }

  /// As `cache purge` does beside a daemon at work.
  @Test func aFileThatWasRemovedIsWrittenAnew() async throws {
    let scene = try await SupervisorScene("offline, purged", cache: cache)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.reach { (try? files.count) == 1 })
    #expect(try CacheFiles(scratch.path + "/cache").removeAll() == 1)
    await scene.supervisor.audit()
    #expect(await scene.reach(within: .seconds(5)) { (try? files.count) == 1 })
  }

  /// A file that cannot be opened now may be later, by a key that comes back.
  @Test func whatIsRefusedAndCannotBeOpenedIsRemoved() async throws {
    let scene = try await afterPowerCut("offline, refused under another key")
    let other = try await Self.cache(in: scratch, key: "other")
    let item = try scene.item("e", ["A", "B"])
    let wrong = try await SupervisorScene(
      "offline, refused under another key", time: scene.time, store: scene.store, cache: other)
    scene.store.fail("A", .denied)
    await wrong.list(["e": item])
    #expect(await wrong.reach(within: .seconds(130)) { (try? files.isEmpty) == true })
  }

  /// A lease's value lies in what is handed over too.
  @Test(arguments: [true, false])
  func whatIsRefusedLeavesWithItsLease(_ isRestarted: Bool) async throws {
    let keys = try await CacheKeys.load(path: scratch.path + "/key", credentials: nil, tpm: TPMSeal(on: EventLoop()))
    let folder = try CacheFolder(scratch.path + "/cache", keys)
    var scene = try await SupervisorScene("offline, leased \(isRestarted)", cache: cache)
    scene.store.leased = ["A", "B"]
    scene.store.put("A", "1")
    scene.store.put("B", "2")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    func handovers() throws -> [String?]? { try folder.read("e")?.handovers.map { $0.content.unsafeString() } }
    #expect(await scene.reach { (try? handovers()) == ["leases of A B"] })
    if isRestarted {
      await scene.supervisor.stopAll()
      scene = try await SupervisorScene(
        "offline, leased \(isRestarted)", time: scene.time, store: scene.store, cache: cache)
      await scene.list(["e": try scene.item("e", ["A", "B"])])
    }
    scene.store.fail("A", .denied)
    #expect(
      await scene.reach(within: .seconds(130)) {
        let kept = try? folder.read("e")
        return (try? handovers()) == ["leases of B"] && kept?.values.map(\.name) == ["B"]
      })
  }
}
