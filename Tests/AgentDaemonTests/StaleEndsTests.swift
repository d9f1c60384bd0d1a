import NodePolicy
import TestSupport
import Testing
import Text

@testable import AgentDaemon

/// Values that get too old, of many executions.
@Suite struct StaleEndsTests {
  @Test func manyAreWithdrawnTogetherAndWatchedByOneTimer() async throws {
    var policy = NodePolicy.personal
    policy.onMaxStale = .remove
    policy.maxStale = GoDuration(nanoseconds: 9_000_000_000)
    let scene = try await SupervisorScene(policy: policy)
    let ids = (0..<100).map { "e\($0)" }
    scene.store.put("A", "1")
    await scene.list(
      Dictionary(uniqueKeysWithValues: try ids.map { ($0, try scene.item($0, ["A"], refresh: "5s")) }))
    #expect(await scene.reach { ids.allSatisfy { scene.file($0, "A") == "1" } })
    await scene.pass(.seconds(5))
    let before = scene.time.slept.count
    await scene.pass(.seconds(30))
    #expect(scene.time.slept.count - before < 200, "one timer for the ends, and one for the refreshes")
    #expect(ids.allSatisfy { scene.exists($0) })
    scene.store.fail("A", .transient)
    #expect(await scene.reach(within: .seconds(16)) { ids.allSatisfy { !scene.exists($0) } })
  }
}
