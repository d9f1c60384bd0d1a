import ExecutionModel
import NodePolicy
import Testing

@testable import AgentDaemon

/// What one execution may cost its node: over a bound of the policy it fails by itself, with the bound's name, and no other does.
@Suite struct BoundsTests {
  private func scene(_ name: String = #function, _ change: (inout NodePolicy.Bounds) -> Void) async throws
    -> SupervisorScene
  {
    var policy = NodePolicy.personal
    change(&policy.bounds)
    return try await SupervisorScene(name, policy: policy)
  }

  private func expectOnly(_ failing: String, _ bound: String, _ live: String, in scene: SupervisorScene) async {
    #expect(await scene.generation(live, is: 1))
    #expect(await scene.reach { await !(scene.status(failing)?.problems.isEmpty ?? true) })
    #expect(await scene.status(failing)?.problems.first?.contains(bound) == true)
    #expect(!scene.exists(failing), "nothing of it is delivered")
  }

  @Test func aValueThatIsTooLargeFailsItsExecutionAlone() async throws {
    let scene = try await scene { $0.valueBytes = 100 }
    scene.store.put("A", String(repeating: "x", count: 100))
    scene.store.put("B", String(repeating: "x", count: 101))
    await scene.list(["a": try scene.item("a", ["A"]), "b": try scene.item("b", ["A", "B"])])
    await expectOnly("b", "max_value_bytes is 100", "a", in: scene)
    // It is looked at again, as every failure.
    scene.store.put("B", "small")
    #expect(await scene.generation("b", is: 1))
  }

  @Test func valuesThatAreTooManyBytesTogetherFailTheirExecutionAlone() async throws {
    let scene = try await scene { $0.executionBytes = 150 }
    scene.store.put("A", String(repeating: "x", count: 100))
    scene.store.put("B", String(repeating: "x", count: 51))
    await scene.list(["a": try scene.item("a", ["A"]), "b": try scene.item("b", ["A", "B"])])
    await expectOnly("b", "max_execution_bytes", "a", in: scene)
  }

  @Test func whatTheAgentHasNoRoomForWaitsUntilThereIsSome() async throws {
    let scene = try await scene { $0.heldBytes = 150 }
    scene.store.put("A", String(repeating: "x", count: 100))
    scene.store.put("B", String(repeating: "x", count: 100))
    await scene.list(["a": try scene.item("a", ["A"])])
    #expect(await scene.generation("a", is: 1))
    await scene.list(["b": try scene.item("b", ["B"])])
    await expectOnly("b", "max_held_bytes is 150", "a", in: scene)
    await scene.list([:], left: ["a"])
    #expect(await scene.generation("b", is: 1))
  }

  @Test func entriesAndProvidersOverTheBoundAreRefused() async throws {
    let scene = try await scene { $0.secrets = 2 }
    scene.store.put("A", "1")
    await scene.list(["a": try scene.item("a", ["A", "B", "C"])])
    #expect(await scene.status("a")?.problems.first?.contains("3 entries, at most 2") == true)
    var policy = NodePolicy.personal
    policy.bounds.providers = 0
    let other = try await SupervisorScene("aProviderOverTheBound", policy: policy)
    await other.list(["a": try other.item("a", ["A"])])
    #expect(await other.status("a")?.problems.first?.contains("1 providers, at most 0") == true)
  }
}
