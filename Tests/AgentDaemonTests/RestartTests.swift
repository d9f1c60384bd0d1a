import CFaults
import EventLoop
import Foundation
import Glibc
import NodePolicy
import TestSupport
import Testing
import Text

@testable import AgentDaemon

/// What a new process makes of what an earlier one left.
@Suite struct RestartTests {
  @Test func theGenerationInPlaceIsAdopted() async throws {
    let first = try await SupervisorScene()
    first.store.put("A", "1")
    await first.list(["e": try first.item("e", ["A"])])
    #expect(await first.generation("e", is: 1))
    first.store.put("A", "2")
    #expect(await first.generation("e", is: 2))
    #expect(await first.reach { await first.status("e")?.notices == 1 }, "sent, and on record as sent")
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(first.root)/out/e/..data")

    let second = try await SupervisorScene(in: first.root, time: first.time, store: first.store)
    await second.list(["e": try second.item("e", ["A"])])
    #expect(await second.generation("e", is: 2))
    await second.pass(.seconds(300))
    #expect(await second.status("e")?.generation == 2)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(first.root)/out/e/..data") == target)
    #expect(second.notices.all.isEmpty, "no second notice")
  }

  @Test func aNoticeThatACrashCutOffIsSentOnce() async throws {
    let first = try await SupervisorScene()
    first.store.put("A", "1")
    await first.list(["e": try first.item("e", ["A"])])
    #expect(await first.generation("e", is: 1))
    first.store.put("A", "2")
    // It ends right after the swap, before the notice's delay is over.
    #expect(await first.reach { first.file("e", "A") == "2" })
    #expect(first.notices.all.isEmpty)
    await first.supervisor.stopAll()

    let second = try await SupervisorScene(in: first.root, time: first.time, store: first.store)
    await second.list(["e": try second.item("e", ["A"])])
    #expect(await second.reach { await second.status("e")?.notices == 1 }, "sent, and on record as sent")
    #expect(second.notices.all.count == 1)
    let third = try await SupervisorScene(in: first.root, time: first.time, store: first.store)
    await third.list(["e": try third.item("e", ["A"])])
    await third.pass(.seconds(300))
    #expect(third.notices.all.isEmpty)
  }

  /// Nothing of the earlier process's values is in memory: their age stands in the manifest.
  @Test func whatIsTooOldAfterARestartIsWithdrawnAndWhatIsNotStays() async throws {
    var policy = NodePolicy.personal
    policy.maxStale = GoDuration(nanoseconds: 600_000_000_000)
    let first = try await SupervisorScene(policy: policy)
    first.store.put("A", "1")
    await first.list(["e": try first.item("e", ["A"])])
    #expect(await first.generation("e", is: 1))
    first.store.fail("A", .transient)
    first.time.setUnixTime(first.time.unixTime + 300)

    let second = try await SupervisorScene(in: first.root, time: first.time, store: first.store, policy: policy)
    await second.list(["e": try second.item("e", ["A"])])
    #expect(await second.reach { await second.status("e")?.state == .failing })
    #expect(second.file("e", "A") == "1")
    first.time.setUnixTime(first.time.unixTime + 301)
    await second.supervisor.audit()
    #expect(await second.reach { second.file("e", "A") == nil })
    second.store.put("A", "2")
    await second.pass(.seconds(1200))
    #expect(await second.reach { second.file("e", "A") == "2" })
  }

  /// The manifest lies in the workload's folder: a number near the end of the range ended the daemon at the next generation.
  @Test(arguments: ["9223372036854775806", "9223372036854775807", "-1", "0", "1e18", "99999999999999999999"])
  func aGenerationThatTheWorkloadMadeUpIsNotCountedOn(_ number: String) async throws {
    let first = try await SupervisorScene("made up \(number)")
    first.store.put("A", "1")
    await first.list(["e": try first.item("e", ["A"])])
    #expect(await first.generation("e", is: 1))
    let manifest = "\(first.root)/out/e/..data/.manifest.json"
    let text = try String(contentsOfFile: manifest, encoding: .utf8)
    let forged = text.replacingOccurrences(of: #""generation": 1"#, with: #""generation": \#(number)"#)
    #expect(forged != text)
    try Data(forged.utf8).write(to: URL(fileURLWithPath: manifest))

    let second = try await SupervisorScene(in: first.root, time: first.time, store: first.store)
    await second.list(["e": try second.item("e", ["A"])])
    #expect(await second.reach { await second.status("e")?.isReady == true })
    second.store.put("A", "2")
    #expect(await second.reach { second.file("e", "A") == "2" })
    #expect(await second.status("e").map { $0.generation < 10 } == true)
  }

  @Test func aClockThatIsSetBackChangesNothing() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    scene.time.setUnixTime(scene.time.unixTime - 3600)
    scene.store.put("A", "2")
    #expect(await scene.reach(within: .seconds(70)) { scene.file("e", "A") == "2" })
    #expect(await scene.status("e")?.isReady == true)
  }

  @Test func aRecordThatIsGarbageIsNone() async throws {
    let scene = try await SupervisorScene()
    try Data([0xff, 0x00, 0x7b]).write(to: URL(fileURLWithPath: "\(scene.root)/executions/e.json"))
    try #"{"id": 1, "source": [], "folder": null, "notified": 1e400}"#.write(
      toFile: "\(scene.root)/executions/f.json", atomically: false, encoding: .utf8)
    let records = try ExecutionRecords(stateFolder: scene.root)
    #expect(records.load().isEmpty)
  }

  private let record = ExecutionRecord(id: "e", source: "folder", folder: "e", notified: 3)

  /// Saves the record with faults in this thread's calls; what was called, as `wfrd` for write, flush, rename, flush of the folder.
  private func save(_ records: ExecutionRecords, _ change: (inout faults) -> Void = { _ in }) throws -> String {
    var plan = faults()
    change(&plan)
    faults_begin(plan)
    defer { faults_end() }
    try records.save(record)
    return String(cString: faults_end())
  }

  @Test func aRecordReachesTheDiskAndSoDoesItsName() throws {
    let scratch = try ScratchFolder()
    let records = try ExecutionRecords(stateFolder: scratch.path)
    #expect(try save(records) == "wfrd")
    #expect(records.load() == ["e": record])
  }

  @Test func aRecordThatIsWrittenInPartsIsWhole() throws {
    let scratch = try ScratchFolder()
    let records = try ExecutionRecords(stateFolder: scratch.path)
    #expect(
      try save(records) {
        $0.largest_write = 5
        $0.interrupted = true
      } == "wfrd")
    #expect(records.load() == ["e": record])
  }

  @Test func aRecordThatDoesNotFitOnTheDiskSaysSoAndLeavesTheOldOne() throws {
    let scratch = try ScratchFolder()
    let records = try ExecutionRecords(stateFolder: scratch.path)
    try records.save(ExecutionRecord(id: "e", source: "folder", folder: "e", notified: 2))
    let fault = #expect(throws: ExecutionRecords.Fault.self) {
      try save(records) {
        $0.write_error = ENOSPC
        $0.bytes_before_error = 9
      }
    }
    #expect(fault?.description.contains("No space left on device") == true)
    #expect(records.load()["e"]?.notified == 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/executions") == ["e.json"])
  }
}
