import EventLoop
import ExecutionModel
import Foundation
import Glibc
import NodePolicy
import ProviderKit
import TestSupport
import Testing
import Text

@testable import AgentDaemon

@Suite struct SupervisorTests {
  @Test func anExecutionIsDeliveredAsOneGeneration() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "one")
    scene.store.put("B", "two")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.generation("e", is: 1))
    #expect(scene.file("e", "A") == "one")
    #expect(scene.file("e", ".env") == "A='one'\nB='two'\n")
    #expect(scene.file("e", ".manifest.json")?.contains(#""generation": 1"#) == true)
    #expect(scene.file("e", ".manifest.json")?.contains("one") == false, "no value in the manifest")
    #expect(scene.notices.all.isEmpty, "a first generation is told to nobody")
  }

  @Test func aChangedValueMakesANewGenerationAndOneNotice() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    scene.store.put("B", "1")
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.put("A", "2")
    scene.store.put("B", "2")
    #expect(await scene.reach { scene.file("e", "A") == "2" && scene.file("e", "B") == "2" })
    #expect(await scene.reach { !scene.notices.all.isEmpty })
    await scene.pass(.seconds(300))
    #expect(scene.notices.all.count <= 2, "no notice without a new generation")
    #expect(scene.file("e", ".env") == "A='2'\nB='2'\n")
  }

  @Test func aStoppedExecutionLosesItsOutputsAndItsConnection() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    await scene.list(["e": try scene.item("e", ["A"], state: "stopped")])
    #expect(!scene.exists("e"))
    #expect(scene.store.closed == [.ended])
    #expect(await scene.supervisor.overview.status().isEmpty)
  }

  @Test func anExecutionThatLeftItsSourceIsCleanedUp() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    await scene.list([:], failure: "unreachable")
    #expect(scene.exists("e"), "a source that cannot be asked ends nothing")
    await scene.list([:], left: ["e"])
    #expect(!scene.exists("e"))
  }

  /// What is being written when its execution ends is gone afterwards, and nothing comes back.
  @Test func anExecutionThatEndsWhileItIsDeliveredLeavesNothing() async throws {
    let worker = try WorkerThread()
    let scene = try await SupervisorScene(worker: worker)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.reach { await scene.supervisor.overview.deliveries == ["e"] || scene.file("e", "A") != nil })
    await scene.list([:], left: ["e"])
    #expect(!scene.exists("e"))
    #expect(await scene.supervisor.overview.status().isEmpty)
    await scene.pass(.seconds(5))
    #expect(!scene.exists("e"))
  }

  /// A value that comes while the one before is being written is delivered after it.
  @Test func aChangeDuringADeliveryIsNotLost() async throws {
    let worker = try WorkerThread()
    let gate = Gate()
    let scene = try await SupervisorScene(worker: worker)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    async let held: Void = worker.run { gate.wait() }
    scene.store.put("A", "2")
    #expect(await scene.reach { await scene.supervisor.overview.deliveries == ["e"] })
    scene.store.put("A", "3")
    await scene.supervisor.valuesChanged(["e"])
    await scene.pass(.seconds(61))
    gate.open()
    await held
    #expect(await scene.reach { scene.file("e", "A") == "3" })
  }

  /// Listed is not yet looked at: readiness waits for what a report that is being taken in lists.
  @Test func whatIsListedButNotLookedAtIsNotReady() async throws {
    let worker = try WorkerThread()
    let gate = Gate()
    let scene = try await SupervisorScene(worker: worker)
    scene.store.put("A", "1")
    async let held: Void = worker.run { gate.wait() }
    let items = ["a": try scene.item("a", ["A"]), "b": try scene.item("b", ["A"])]
    async let taken: Void = scene.list(items)
    #expect(await scene.reach { await scene.supervisor.overview.status().map(\.id) == ["a", "b"] })
    #expect(await scene.supervisor.overview.status().allSatisfy { !$0.isReady && $0.state == .pending })
    #expect(await scene.supervisor.overview.readiness() == (["a", "b"], 2))
    #expect(await scene.supervisor.overview.sources.unheard == ["test"])
    #expect(await !scene.supervisor.overview.firstPassIsDone())
    gate.open()
    await held
    await taken
    #expect(await scene.generation("b", is: 1))
    #expect(await scene.reach { await scene.supervisor.overview.readiness() == ([], 2) })
    #expect(await scene.supervisor.overview.sources.unheard.isEmpty)
    // Late, and longer than two refreshes and a minute.
    scene.store.fail("A", .transient)
    await scene.pass(.seconds(200))
    #expect(await scene.supervisor.overview.readiness().unready == ["a", "b"])
  }

  @Test func aSourceWhoseDocumentsAreStillAwaitedIsNotHeard() async throws {
    let scene = try await SupervisorScene()
    await scene.supervisor.note(SourceReport(source: "test", listed: [:], isComplete: false))
    #expect(await scene.supervisor.overview.sources.unheard == ["test"])
    await scene.supervisor.note(SourceReport(source: "test", listed: [:]))
    #expect(await scene.supervisor.overview.sources.unheard.isEmpty)
  }

  @Test func aDocumentReplacedByGarbageLeavesTheGenerationAndSaysSo() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    let item = try scene.item("e", ["A"])
    await scene.list(["e": item])
    #expect(await scene.generation("e", is: 1))
    await scene.list(["e": item], unreadable: ["e": "e.json: line 1: not JSON"])
    #expect(scene.file("e", "A") == "1")
    #expect(await scene.status("e")?.problems == ["unreadable: e.json: line 1: not JSON"])
    scene.store.put("A", "2")
    #expect(await scene.reach { scene.file("e", "A") == "2" }, "it is kept fresh all the same")
    await scene.list(["e": item])
    #expect(await scene.status("e")?.problems == [])
  }

  @Test func aDocumentThatIsRefusedLeavesTheGeneration() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    let faulty = try scene.item("e", ["bad/name"])
    await scene.list(["e": faulty])
    #expect(scene.file("e", "A") == "1")
    #expect(await scene.status("e")?.problems.first?.contains("bad/name") == true)
  }

  @Test func aChangedDocumentIsPlannedAnew() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    scene.store.put("B", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    await scene.list(["e": try scene.item("e", ["B"])])
    #expect(await scene.generation("e", is: 2))
    #expect(scene.file("e", "A") == nil)
    #expect(scene.file("e", "B") == "1")
  }

  @Test func aStoreThatIsDownAtTheStartIsWaitedFor() async throws {
    let scene = try await SupervisorScene()
    scene.store.fail("A", .transient)
    await scene.list(["e": try scene.item("e", ["A"])])
    await scene.pass(.seconds(3600))
    #expect(!scene.exists("e"))
    #expect(await scene.status("e")?.secrets.first?.fault != nil)
    scene.store.put("A", "1")
    #expect(await scene.generation("e", is: 1))
  }

  @Test func anHourOfOutageKeepsTheLastGoodGeneration() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.fail("A", .transient)
    await scene.pass(.seconds(3600))
    #expect(scene.file("e", "A") == "1")
    let status = try #require(await scene.status("e"))
    #expect(status.state == .stale && !status.isReady)
    #expect(status.secrets.first.map { ($0.age ?? .zero) > .seconds(3000) } == true)
    scene.store.put("A", "2")
    #expect(await scene.reach { scene.file("e", "A") == "2" })
    #expect(await scene.status("e")?.isReady == true)
  }

  @Test func aRequiredSecretThatFailsHoldsBackItsGenerationOnly() async throws {
    let scene = try await SupervisorScene()
    for key in 0..<9 {
      scene.store.put("K\(key)", "1")
    }
    scene.store.fail("BAD", .transient)
    await scene.list([
      "e": try scene.item("e", (0..<9).map { "K\($0)" } + ["BAD"]), "f": try scene.item("f", ["K0"]),
    ])
    #expect(await scene.generation("f", is: 1))
    #expect(!scene.exists("e"))
    scene.store.put("BAD", "1")
    #expect(await scene.generation("e", is: 1))
  }

  @Test func aDeletedSecretKeepsTheLastGeneration() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.fail("A", .missing)
    await scene.pass(.seconds(200))
    #expect(scene.file("e", "A") == "1")
    #expect(await scene.status("e")?.secrets.first?.fault?.kind == "missing")
  }

  @Test func aValueThatIsTooOldIsWithdrawn() async throws {
    var policy = NodePolicy.personal
    policy.maxStale = GoDuration(nanoseconds: 600_000_000_000)
    let scene = try await SupervisorScene(policy: policy)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.fail("A", .transient)
    await scene.pass(.seconds(300))
    await scene.supervisor.audit()
    await scene.pass(.seconds(1))
    #expect(scene.file("e", "A") == "1")
    await scene.pass(.seconds(400))
    await scene.supervisor.audit()
    #expect(await scene.reach { !scene.exists("e") })
    scene.store.put("A", "1")
    #expect(await scene.reach { scene.file("e", "A") == "1" })
  }

  @Test func outputsDeletedBehindTheAgentsBackAreMended() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    try FileManager.default.removeItem(atPath: "\(scene.root)/out")
    await scene.supervisor.audit()
    #expect(await scene.reach { scene.file("e", "A") == "1" })
  }

  @Test func aDeliveryThatFailsIsTriedAgainAndTheOldOneStays() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    // A name that the agent would need, held by something that is not the agent's.
    scene.store.put("B", "1")
    try "foreign".write(toFile: "\(scene.root)/out/e/B", atomically: false, encoding: .utf8)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reach { await scene.status("e")?.state == .failing })
    #expect(scene.file("e", ".env") == "A='1'\n")
    #expect(scene.file("e", "B") == "foreign")
    try FileManager.default.removeItem(atPath: "\(scene.root)/out/e/B")
    #expect(await scene.generation("e", is: 2))
    #expect(scene.file("e", ".env") == "A='1'\nB='1'\n")
  }

  @Test func twoExecutionsNeverShareAFolder() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    for id in ["../e", "a/b", "..", ".hidden", "x\n"] {
      await scene.list([id: try scene.item("plain", ["A"])])
    }
    let names = await scene.supervisor.overview.status().compactMap(\.folder)
    #expect(Set(names).count == 5)
    #expect(
      names.allSatisfy { $0.hasPrefix("\(scene.root)/out/") && !$0.dropFirst(scene.root.count + 5).contains("/") })
  }

  @Test func aThousandExecutionsAtOnceAreAllDelivered() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    var items = [:] as [String: ExecutionDocument.Item]
    for number in 0..<1000 {
      items["e\(number)"] = try scene.item("e\(number)", ["A"])
    }
    await scene.list(items)
    #expect(await scene.reach { await scene.supervisor.overview.status().allSatisfy { $0.generation == 1 } })
    #expect(scene.store.fetches.count == 1, "one reference, one fetch")
  }
}
