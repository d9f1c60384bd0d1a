import Foundation
import NodePolicy
import ProviderKit
import TestSupport
import Testing

@testable import AgentDaemon

/// Folders that several executions come to have, and outputs that cannot be removed.
@Suite struct OutputFolderTests {
  private func jobScene(
    _ name: String = #function, in root: String? = nil, store: ScriptedStore? = nil
  ) async throws -> SupervisorScene {
    try await SupervisorScene("folders \(name)", in: root, store: store, folder: "{job_id}")
  }

  @Test func aReplacingExecutionTakesTheFolderOverWhenTheOldOneLeaves() async throws {
    let scene = try await jobScene()
    scene.store.put("A", "1")
    scene.store.put("B", "2")
    await scene.list(["old": try scene.item("old", ["A"], job: "web")])
    #expect(await scene.reach { scene.file("web", ".env") == "A='1'\n" })
    await scene.list([
      "old": try scene.item("old", ["A"], job: "web"), "new": try scene.item("new", ["B"], job: "web"),
    ])
    #expect(await scene.status("new")?.problems.first?.contains("is that of execution old") == true)
    await scene.pass(.seconds(10))
    #expect(scene.file("web", ".env") == "A='1'\n")
    await scene.list(["new": try scene.item("new", ["B"], job: "web")], left: ["old"])
    #expect(await scene.reach { scene.file("web", ".env") == "B='2'\n" })
    #expect(await scene.status("new")?.problems == [])
    await scene.pass(.seconds(120))
    #expect(scene.file("web", ".env") == "B='2'\n")
  }

  @Test func aDepartureAfterARestartDoesNotTouchTheSuccessorsFiles() async throws {
    let first = try await jobScene("aDepartureAfterARestart")
    first.store.put("A", "1")
    first.store.put("B", "2")
    await first.list(["old": try first.item("old", ["A"], job: "web")])
    #expect(await first.reach { first.file("web", ".env") == "A='1'\n" })
    // The restarted daemon hears of the new one first, and then that the old one is gone.
    let second = try await jobScene("aDepartureAfterARestart", in: first.root, store: first.store)
    await second.list(["new": try second.item("new", ["B"], job: "web")])
    await second.pass(.seconds(5))
    #expect(second.file("web", ".env") == "A='1'\n")
    await second.list(["new": try second.item("new", ["B"], job: "web")], left: ["old"])
    #expect(await second.reach { second.file("web", ".env") == "B='2'\n" })
    await second.pass(.seconds(120))
    #expect(second.file("web", ".env") == "B='2'\n")
  }

  @Test func outputsThatCannotBeRemovedStayOnRecordAndAreTriedAgain() async throws {
    let scene = try await SupervisorScene("folders unremoved")
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    // A workload put a folder of its own in the place of the link that generations switch by.
    let link = "\(scene.root)/out/e/..data"
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: link)
    try FileManager.default.removeItem(atPath: link)
    try FileManager.default.createDirectory(atPath: link, withIntermediateDirectories: false)
    _ = FileManager.default.createFile(atPath: link + "/mine", contents: Data())
    await scene.list([:], left: ["e"])
    #expect(await scene.status("e") == nil)
    #expect(await scene.supervisor.overview.unremoved.keys.sorted() == ["e"])
    #expect(FileManager.default.fileExists(atPath: "\(scene.root)/executions/e.json"))
    // Asking once more tries once more.
    #expect(await scene.supervisor.forget("e", of: "test"))
    #expect(await scene.supervisor.overview.unremoved.keys.sorted() == ["e"])
    try FileManager.default.removeItem(atPath: link)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    await scene.supervisor.audit()
    #expect(await scene.supervisor.overview.unremoved.isEmpty)
    #expect(!scene.exists("e"))
    #expect(!FileManager.default.fileExists(atPath: "\(scene.root)/executions/e.json"))
  }

  @Test func theLongestIdsAreRecorded() throws {
    let root = NSTemporaryDirectory() + "secrets-agent-records-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    let records = try ExecutionRecords(stateFolder: root)
    let ids = [240, 250, 251, 253].map { String(repeating: "i", count: $0) } + [String(repeating: "ü", count: 126)]
    for id in ids {
      try records.save(ExecutionRecord(id: id, source: "s", folder: "f", notified: 1))
    }
    #expect(Set(records.load().keys) == Set(ids))
    for id in ids {
      records.remove(id)
    }
    #expect(records.load().isEmpty)
  }
}

/// Age is judged by the clock, whatever a fetch may yet come to.
@Suite struct FreshnessTests {
  @Test func aFetchThatHangsMakesItsValueLateAndThenTooOld() async throws {
    var policy = NodePolicy.personal
    policy.maxStale = .init(nanoseconds: 600_000_000_000)
    let scene = try await SupervisorScene("a fetch that hangs", policy: policy)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.store.hangs = true
    for _ in 0..<70 {
      scene.time.advance(by: .seconds(1))
      await Task.yield()
    }
    #expect(await scene.status("e")?.secrets.first?.source == .stale)
    #expect(await scene.status("e")?.isReady == true)
    for _ in 0..<700 {
      scene.time.advance(by: .seconds(1))
      await Task.yield()
    }
    #expect(await scene.status("e")?.isReady == false)
    await scene.supervisor.audit()
    while scene.exists("e") {
      await Task.yield()
    }
    scene.store.hangs = false
  }
}
