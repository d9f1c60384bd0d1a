import EventLoop
import ExecutionModel
import Logging
import ProviderKit
import Resolution
import SecretBytes
import Synchronization
import TestSupport
import Testing

@testable import Refresh

/// A scheduler over a scripted store, on a clock in the test's hand.
private struct Scene {
  let time = ManualTime()
  let store: ScriptedStore
  let scheduler: RefreshScheduler
  let told = Told()
  let connection: ProviderConnection

  /// - Parameter type: whether a call takes a whole batch, or each key one of its own.
  init(_ name: String = #function, of type: any SecretProvider.Type = ScriptedProvider.self) async throws {
    store = ScriptedStore(name)
    connection = try ProviderConnection.testing(
      #"{"provider": "\#(type.descriptor.type)", "store": "\#(name)"}"#, by: type.descriptor)
    let services = ProviderServices.testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time)
    let told = told
    scheduler = await RefreshScheduler(
      pool: ProviderPool(registry: ProviderRegistry([type]), services: services), time: time,
      random: { 0.5 }, nodeID: "node", log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      observer: { told.note($0) })
  }

  func reference(_ key: String, pinned: Bool = false) -> Reference {
    connection.reference(pinned ? ["key": key, "version": "3"] : ["key": key])
  }

  func want(_ key: String, every interval: Duration? = .seconds(60), pinned: Bool = false) -> Subscription {
    Subscription(connection: connection, reference: reference(key, pinned: pinned), interval: interval)
  }

  /// Waits until the store was asked `count` times in all, and what came of it was taken in.
  func fetched(_ count: Int) async {
    while store.fetches.count < count {
      await Task.yield()
    }
    await settled()
  }

  /// Waits until nothing is being fetched: every reference has a time again, or none at all is left.
  func settled() async {
    for _ in 0..<200 {
      await Task.yield()
    }
    while await scheduler.isFetching {
      await Task.yield()
    }
  }

  /// Moves time on to the next timer, and lets what follows happen.
  func advance(_ span: Duration) async {
    await settled()
    await time.sleepers(1)
    time.advance(by: span)
    // A timer that was due is set anew once its batch is under way, or over.
    await time.sleepers(1)
    await settled()
  }
}

/// Who was told of changes.
private final class Told: Sendable {
  private let all = Mutex<[Set<String>]>([])

  var owners: [Set<String>] { all.withLock { $0 } }

  func note(_ owners: Set<String>) { all.withLock { $0.append(owners) } }
}

@Suite struct RefreshSchedulerTests {
  @Test func aValueIsFetchedAtOnceAndAgainEveryInterval() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    await scene.scheduler.subscribe("e", [scene.want("a")])
    await scene.fetched(1)
    #expect(scene.told.owners == [["e"]])
    for _ in 0..<5 {
      await scene.advance(.seconds(60))
    }
    #expect(scene.store.fetches.count == 6)
    #expect(scene.told.owners.count == 1, "an unchanged value is no news")
    scene.store.put("a", "2")
    await scene.advance(.seconds(60))
    #expect(scene.told.owners.count == 2)
  }

  @Test func executionsShareAReferenceAndItsShortestInterval() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    await scene.scheduler.subscribe("e1", [scene.want("a", every: .seconds(600))])
    await scene.fetched(1)
    await scene.scheduler.subscribe("e2", [scene.want("a", every: .seconds(60))])
    await scene.settled()
    #expect(scene.store.fetches.count == 1, "the value is there already")
    await scene.advance(.seconds(60))
    #expect(scene.store.fetches.count == 2)
    await scene.scheduler.unsubscribe("e1")
    #expect(scene.store.closed.isEmpty)
    await scene.scheduler.unsubscribe("e2")
    #expect(scene.store.closed == [.ended])
  }

  @Test func aChangedDocumentKeepsValuesAndTimersOfWhatItStillNames() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    scene.store.put("b", "1")
    // A day's grid: the next time is not near enough for another fetch to be joined.
    let wanted = scene.want("a", every: .seconds(86_400))
    await scene.scheduler.subscribe("e", [wanted])
    await scene.fetched(1)
    let due = await scene.scheduler.state(of: scene.reference("a"))?.due
    await scene.scheduler.subscribe("e", [wanted, scene.want("b")])
    await scene.fetched(2)
    #expect(scene.store.fetches.last == ["b"])
    #expect(await scene.scheduler.state(of: scene.reference("a"))?.due == due)
  }

  @Test func whatIsDueTogetherIsOneBatch() async throws {
    let scene = try await Scene()
    for key in 0..<100 {
      scene.store.put("k\(key)", "1")
    }
    await scene.scheduler.subscribe("e", (0..<100).map { scene.want("k\($0)", every: .seconds(100)) })
    await scene.fetched(1)
    #expect(scene.store.fetches.first?.count == 100)
    for _ in 0..<1000 {
      await scene.advance(.seconds(1))
    }
    let later = scene.store.fetches.dropFirst()
    #expect(later.map(\.count).reduce(0, +) <= 1000, "no more fetches than references in each of ten intervals")
    #expect(later.map(\.count).reduce(0, +) >= 900)
    #expect(later.count <= 150, "batched within a tenth of the interval: \(later.count) calls")
  }

  @Test func aFailingSecretNeitherDelaysNorRefetchesAnother() async throws {
    let scene = try await Scene()
    for key in 0..<9 {
      scene.store.put("k\(key)", "1")
    }
    scene.store.fail("bad", .malformed)
    await scene.scheduler.subscribe("e", (0..<9).map { scene.want("k\($0)") } + [scene.want("bad")])
    await scene.fetched(1)
    for _ in 0..<600 {
      await scene.advance(.seconds(1))
    }
    let counts = Dictionary(scene.store.fetches.joined().map { ($0, 1) }, uniquingKeysWith: +)
    for key in 0..<9 {
      #expect((10...11).contains(counts["k\(key)"] ?? 0), "k\(key): \(counts)")
    }
    #expect((counts["bad"] ?? 0) < 10, "it backs off")
    #expect(await scene.scheduler.state(of: scene.reference("bad"))?.failure?.kind == .malformed)
  }

  @Test func aDeadConnectionIsLeftAloneAndProbedByASingleCall() async throws {
    let scene = try await Scene()
    let keys = (0..<50).map { "k\($0)" }
    for key in keys {
      scene.store.put(key, "1")
    }
    await scene.scheduler.subscribe("e", keys.map { scene.want($0, every: .seconds(30)) })
    await scene.fetched(1)
    for key in keys {
      scene.store.fail(key, .transient)
    }
    for _ in 0..<3600 {
      await scene.advance(.seconds(1))
    }
    let asked = scene.store.fetches.dropFirst().map(\.count)
    #expect(asked.reduce(0, +) < 600, "an hour of outage: \(asked.reduce(0, +)) attempts for 50 secrets every 30 s")
    #expect(asked.suffix(20).allSatisfy { $0 == 1 }, "probes only")
    #expect(await scene.scheduler.openBreakers.count == 1)
    for key in keys {
      #expect(await scene.scheduler.state(of: scene.reference(key))?.value != nil, "the last good value stays")
      scene.store.put(key, "2")
    }
    // Within one refresh and a second.
    for _ in 0..<31 {
      await scene.advance(.seconds(1))
    }
    #expect(await scene.scheduler.openBreakers.isEmpty)
    for key in keys {
      #expect(await scene.scheduler.state(of: scene.reference(key))?.value?.payload.equals("2") == true)
    }
  }

  @Test(.timeLimit(.minutes(15))) func aCallThatHangsHoldsBackNoneButItsOwn() async throws {
    let scene = try await Scene(of: SingleCallsProvider.self)
    scene.store.put("a", "1")
    scene.store.put("stuck", "1")
    await scene.scheduler.subscribe(
      "e", [scene.want("a", every: .seconds(2)), scene.want("stuck", every: .seconds(2))])
    await scene.fetched(2)
    scene.store.hanging = ["stuck"]
    for _ in 0..<30 {
      let asked = scene.store.fetches.count
      scene.time.advance(by: .seconds(2))
      // The healthy one is asked within its interval, while the other is under way; time stands still until its answer was taken in.
      while scene.store.fetches.count == asked {
        await Task.yield()
      }
      while await scene.scheduler.state(of: scene.reference("a"))?.due == nil {
        await Task.yield()
      }
    }
    let asked = Dictionary(scene.store.fetches.joined().map { ($0, 1) }, uniquingKeysWith: +)
    #expect((asked["a"] ?? 0) >= 30)
    #expect(await scene.scheduler.state(of: scene.reference("a"))?.failure == nil)
    scene.store.hanging = []
    await scene.settled()
  }

  @Test func aThrottledPathWaitsAlone() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    scene.store.fail("b", .throttled, retryAfter: .seconds(3600))
    await scene.scheduler.subscribe("e", [scene.want("a", every: .seconds(2)), scene.want("b", every: .seconds(2))])
    await scene.fetched(1)
    for _ in 0..<60 {
      await scene.advance(.seconds(1))
    }
    let asked = Dictionary(scene.store.fetches.joined().map { ($0, 1) }, uniquingKeysWith: +)
    #expect((asked["a"] ?? 0) >= 30)
    #expect(asked["b"] == 1)
  }

  @Test func whatTwoPathsAreToldHoldsForTheWholeConnection() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    scene.store.fail("b", .throttled, retryAfter: .seconds(100))
    scene.store.fail("c", .throttled, retryAfter: .seconds(100))
    await scene.scheduler.subscribe("e", ["a", "b", "c"].map { scene.want($0, every: .seconds(10)) })
    await scene.fetched(1)
    for _ in 0..<98 {
      await scene.advance(.seconds(1))
    }
    #expect(scene.store.fetches.count == 1)
    for _ in 0..<4 {
      await scene.advance(.seconds(1))
    }
    #expect(scene.store.fetches.count > 1)
  }

  @Test func aValueThatEndsIsFetchedAtHalfOfItsLife() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1", expiringIn: .seconds(100))
    await scene.scheduler.subscribe("e", [scene.want("a", every: nil)])
    await scene.fetched(1)
    await scene.advance(.seconds(49))
    #expect(scene.store.fetches.count == 1)
    await scene.advance(.seconds(1))
    #expect(scene.store.fetches.count == 2)
  }

  @Test func aPinnedVersionIsFetchedOnce() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    await scene.scheduler.subscribe("e", [scene.want("a", every: nil, pinned: true)])
    await scene.fetched(1)
    #expect(await scene.scheduler.state(of: scene.reference("a"))?.due == nil)
  }

  @Test func askingForARefreshHasARateFloor() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    await scene.scheduler.subscribe("e", [scene.want("a")])
    await scene.fetched(1)
    let a = [scene.reference("a")]
    #expect(await scene.scheduler.refresh(a) == RefreshOutcome(started: 1))
    await scene.fetched(2)
    #expect(await scene.scheduler.refresh(a) == RefreshOutcome(tooSoon: 1, retryAfter: .seconds(5)))
    scene.time.advance(by: .seconds(2))
    #expect(await scene.scheduler.refresh(a) == RefreshOutcome(tooSoon: 1, retryAfter: .seconds(3)))
    scene.time.advance(by: .seconds(3))
    #expect(await scene.scheduler.refresh(a) == RefreshOutcome(started: 1))
    await scene.fetched(3)
  }

  @Test func aTellingSourceIsReadAgainAtOnce() async throws {
    let scene = try await Scene()
    scene.store.put("a", "1")
    await scene.scheduler.subscribe("e", [scene.want("a", every: .seconds(3600))])
    await scene.fetched(1)
    scene.store.put("a", "2")
    await scene.scheduler.noteChange(of: scene.reference("a"))
    await scene.fetched(2)
    #expect(scene.told.owners.count == 2)
  }

  @Test func everyClassHasItsOwnPatience() {
    func pause(_ kind: ProviderFailure.Class, _ failures: Int) -> Duration {
      RefreshReaction.pause(
        after: ProviderFailure(kind, connection: "p", "x"), failures: failures, interval: .seconds(3600), random: 0.999)
    }
    #expect(pause(.transient, 1) < .seconds(1.01))
    #expect(pause(.transient, 100) <= .seconds(60))
    #expect(pause(.denied, 1) > .seconds(7))
    #expect(pause(.denied, 100) > .seconds(600))
    #expect(pause(.policy, 1) > .seconds(600))
    let throttled = ProviderFailure(.throttled, connection: "p", retryAfter: .seconds(500), "x")
    #expect(RefreshReaction.pause(after: throttled, failures: 1, interval: .seconds(60), random: 0) == .seconds(500))
  }
}
