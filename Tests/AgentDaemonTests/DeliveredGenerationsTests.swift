import EventLoop
import ExecutionModel
import NodePolicy
import Resolution
import SecretBytes
import TestSupport
import Testing
import Text

@testable import AgentDaemon

/// What those who ask for values are given while executions come, change, fail and go.
@Suite(.timeLimit(.minutes(15))) struct DeliveredGenerationsTests {
  private let time = ManualTime()
  private let delivered: DeliveredGenerations

  init() async {
    delivered = await DeliveredGenerations(time: time, executor: nil)
  }

  private func scene(_ name: String, policy: NodePolicy = .personal) async throws -> SupervisorScene {
    try await SupervisorScene(name, time: time, policy: policy, delivered: delivered)
  }

  private func values(_ id: String) async -> [String: String]? {
    await delivered.generation(of: id).map { generation in
      Dictionary(uniqueKeysWithValues: generation.secrets.map { ($0.name, $0.value.unsafeString() ?? "") })
    }
  }

  @Test func theyAreThoseOfTheFiles() async throws {
    let scene = try await scene("values")
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    #expect(await values("e") == ["A": "1"])
    scene.store.put("A", "2")
    #expect(await scene.generation("e", is: 2))
    #expect(await values("e") == ["A": "2"])
    #expect(await delivered.generation(of: "e")?.number == 2)
  }

  @Test func theLastStayWhileTheStoreFailsAndGoWithTheExecution() async throws {
    let scene = try await scene("values-stay")
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.fail("A", .transient)
    await scene.pass(.seconds(300))
    #expect(await values("e") == ["A": "1"])
    await scene.list([:], left: ["e"])
    #expect(await scene.reach { await scene.status("e") == nil })
    #expect(await values("e") == nil)
  }

  @Test func oneThatIsTooOldIsGivenToNobody() async throws {
    var policy = NodePolicy.personal
    policy.maxStale = GoDuration(nanoseconds: 120_000_000_000)
    let scene = try await scene("values-stale", policy: policy)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.fail("A", .transient)
    await scene.pass(.seconds(300))
    await scene.supervisor.audit()
    #expect(await scene.reach { await values("e") == nil })
  }

  @Test func whoWaitsIsAnsweredByTheFirstGeneration() async throws {
    let scene = try await scene("values-wait")
    scene.store.put("A", "1")
    let deadline = time.now.advanced(by: .seconds(3600))
    let waiting = Task { [delivered] in
      await delivered.arrivals.first(until: deadline) { delivered.generation(of: "e")?.number }
    }
    await time.sleepers(1)
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    #expect(await waiting.value == 1)
  }

  @Test func whoWaitsInVainIsToldAtTheDeadlineAndACancelledOneAtOnce() async throws {
    let deadline = time.now.advanced(by: .seconds(30))
    let waiting = Task { [delivered] in
      await delivered.arrivals.first(until: deadline) { delivered.generation(of: "e")?.number }
    }
    await time.sleepers(1)
    time.advance(by: .seconds(30))
    #expect(await waiting.value == nil)
    let later = time.now.advanced(by: .seconds(30))
    let cancelled = Task { [delivered] in
      await delivered.arrivals.first(until: later) { delivered.generation(of: "e")?.number }
    }
    await time.sleepers(1)
    cancelled.cancel()
    #expect(await cancelled.value == nil)
  }
}
