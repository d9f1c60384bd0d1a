import Delivery
import Foundation
import NodePolicy
import TestSupport
import Testing

@testable import AgentDaemon

/// Configuration read anew: no value is dropped that any source still wants.
@Suite struct ReloadTests {
  /// - Parameter name: of the store, which no two tests share.
  private func delivered(
    _ sources: [String] = ["test"], name: String = #function
  ) async throws -> SupervisorScene {
    let scene = try await SupervisorScene("reload \(name)", sources: sources)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    return scene
  }

  private func reload(
    _ scene: SupervisorScene, _ sources: [String], policy: NodePolicy = .personal,
    _ change: (inout AgentConfiguration) -> Void = { _ in }
  ) async {
    var configuration = await scene.supervisor.configuration
    change(&configuration)
    await scene.supervisor.reload(configuration, policy, sources: sources)
  }

  @Test func anExecutionThatMovesToAnotherSourceIsNotTouched() async throws {
    let scene = try await delivered()
    let calls = scene.store.fetches.count
    await reload(scene, ["new", "other"])
    await scene.list([:], from: "other")
    #expect(scene.exists("e"))
    await scene.list(["e": try scene.item("e", ["A"])], from: "new")
    await scene.pass(.seconds(10))
    #expect(await scene.status("e")?.generation == 1)
    #expect(await scene.status("e")?.source == "new")
    #expect(scene.exists("e") && scene.notices.all.isEmpty)
    #expect(scene.store.fetches.count - calls <= 1, "its timer went on")
  }

  /// As where `api.put_overrides` is turned on.
  @Test func theOrderOfTheSourcesCountsAtOnce() async throws {
    let scene = try await SupervisorScene("reload order", sources: ["test", "other"])
    scene.store.put("A", "1")
    scene.store.put("B", "2")
    await scene.list(["e": try scene.item("e", ["A"])])
    await scene.list(["e": try scene.item("e", ["B"])], from: "other")
    #expect(await scene.generation("e", is: 1))
    #expect(scene.file("e", "A") == "1")
    await reload(scene, ["other", "test"])
    #expect(await scene.reach { scene.file("e", "B") == "2" })
    #expect(await scene.status("e")?.source == "other")
  }

  @Test func whatNoSourceListsAnyMoreEndsOnceAllWereHeard() async throws {
    let scene = try await delivered()
    await reload(scene, ["new", "other"])
    await scene.list([:], from: "new")
    await scene.list([:], failure: "unreachable", from: "other")
    await scene.pass(.seconds(600))
    #expect(scene.exists("e"), "the unreachable one may have it")
    await scene.list([:], from: "other")
    #expect(await scene.reach { await scene.status("e") == nil })
    #expect(!scene.exists("e"))
  }

  @Test func withoutAnySourceLeftAllEnds() async throws {
    let scene = try await delivered()
    await reload(scene, ["local API"])
    #expect(scene.exists("e"))
    await scene.list([:], from: "local API")
    #expect(!scene.exists("e"))
  }

  @Test func anotherSourcesDocumentTakesOver() async throws {
    let scene = try await delivered(["test", "second"])
    scene.store.put("B", "2")
    await scene.list(["e": try scene.item("e", ["B"])], from: "second")
    #expect(scene.file("e", "A") == "1")
    await reload(scene, ["second"])
    #expect(await scene.reach { scene.file("e", "B") == "2" })
    #expect(scene.file("e", "A") == nil)
  }

  @Test func aSourceThatStaysMustListAgainWhatItHad() async throws {
    let scene = try await delivered()
    await reload(scene, ["test"])
    #expect(await scene.supervisor.expected(of: "test") == ["e"])
    await scene.list([:], left: ["e"])
    #expect(!scene.exists("e"))
  }

  @Test func outputsOfASourceThatIsNoLongerConfiguredAtARestartAreCleanedUp() async throws {
    let first = try await delivered()
    let second = try await SupervisorScene(in: first.root, time: first.time, store: first.store, sources: ["new"])
    #expect(second.exists("e"))
    await second.list([:], failure: "unreachable", from: "new")
    #expect(second.exists("e"))
    await second.list([:], from: "new")
    #expect(!second.exists("e"))
  }

  @Test func aNarrowerPolicyRefusesTheDocumentAndLeavesTheGeneration() async throws {
    let scene = try await delivered()
    var narrow = NodePolicy.personal
    narrow.providerTypes = .matching(["file"])
    await reload(scene, ["test"], policy: narrow)
    #expect(await scene.status("e")?.problems.first?.contains("scripted") == true)
    #expect(scene.file("e", "A") == "1")
    await reload(scene, ["test"])
    #expect(await scene.status("e")?.problems == [])
  }

  @Test func outputsMoveToTheirNewRoot() async throws {
    let scene = try await delivered()
    let moved = scene.root + "/moved"
    await reload(scene, ["test"]) { $0.outputs.root = moved }
    #expect(await scene.reach { FileManager.default.fileExists(atPath: moved + "/e/A") })
    #expect(!scene.exists("e"))
  }
}
