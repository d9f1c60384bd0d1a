import EventLoop
import ExecutionModel
import Foundation
import SealedCache
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon

/// The version before, from the store to the files, and over a start without a network.
@Suite struct PreviousVersionTests {
  private func item(_ scene: SupervisorScene, withPrevious: Bool = true) throws -> ExecutionDocument.Item {
    let text = """
      {"id": "e", "job_spec": {"secret_providers": {"p": {"provider": "scripted", "store": "\(scene.store.name)"}},
       "secrets": {"KEY": {"from": "p", "key": "KEY", "refresh": "60s", "previous": \(withPrevious)}}},
       "status": {"desired_state": {"state_type": "running"}}}
      """
    return try ExecutionDocument(SecretBytes(text)).item(nil)
  }

  @Test func bothVersionsAreOneGeneration() async throws {
    let scene = try await SupervisorScene("previous")
    scene.store.put("KEY", "one")
    await scene.list(["e": try item(scene)])
    #expect(await scene.generation("e", is: 1))
    #expect(scene.file("e", "KEY") == "one")
    #expect(scene.file("e", "KEY_PREVIOUS") == nil)
    scene.store.put("KEY", "two")
    scene.store.putBefore("KEY", "one")
    #expect(await scene.generation("e", is: 2))
    #expect(scene.file("e", "KEY") == "two")
    #expect(scene.file("e", "KEY_PREVIOUS") == "one")
    let manifest = try #require(scene.file("e", ".manifest.json"))
    #expect(manifest.contains("before-3"))
    // The old one was cleared away, and nothing else changed.
    scene.store.putBefore("KEY", nil)
    #expect(await scene.generation("e", is: 3))
    #expect(scene.file("e", "KEY") == "two")
    #expect(scene.file("e", "KEY_PREVIOUS") == nil)
  }

  @Test func aDocumentThatAsksForItNoMoreHasItNoMore() async throws {
    let scene = try await SupervisorScene("previous, then not")
    scene.store.put("KEY", "two")
    scene.store.putBefore("KEY", "one")
    await scene.list(["e": try item(scene)])
    #expect(await scene.generation("e", is: 1))
    await scene.list(["e": try item(scene, withPrevious: false)])
    #expect(await scene.generation("e", is: 2))
    #expect(scene.file("e", "KEY_PREVIOUS") == nil)
  }

  /// A workload says that a value was refused by the name that it has it under.
  @Test func bothNamesLeadToTheReference() async throws {
    let scene = try await SupervisorScene("previous, by both names")
    scene.store.put("KEY", "two")
    scene.store.putBefore("KEY", "one")
    await scene.list(["e": try item(scene)])
    #expect(await scene.generation("e", is: 1))
    let overview = await scene.supervisor.overview
    let reference = try #require(await overview.references(of: "e", secret: "KEY"))
    #expect(await overview.references(of: "e", secret: "KEY_PREVIOUS") == reference)
    #expect(await overview.references(of: "e", secret: "KEY_BEFORE") == nil)
  }

  @Test(arguments: [false, true])
  func bothAreThereAfterAStartWithoutANetworkAndGoTogether(_ isDenied: Bool) async throws {
    let scratch = try ScratchFolder()
    try await CacheKeyFile.create(at: "\(scratch.path)/key")
    let keys = try await CacheKeys.load(path: "\(scratch.path)/key", credentials: nil, tpm: TPMSeal(on: EventLoop()))
    let cache = GenerationCache(try CacheFolder(scratch.path + "/cache", keys))
    let first = try await SupervisorScene("previous, offline \(isDenied)", cache: cache)
    first.store.put("KEY", "two")
    first.store.putBefore("KEY", "one")
    await first.list(["e": try item(first)])
    #expect(await first.generation("e", is: 1))
    let files = { (try? FileManager.default.contentsOfDirectory(atPath: scratch.path + "/cache"))?.count }
    #expect(await first.reach { files() == 1 })
    await first.supervisor.stopAll()
    first.store.fail("KEY", .transient)
    let scene = try await SupervisorScene(
      "previous, offline \(isDenied)", time: first.time, store: first.store, cache: cache)
    await scene.list(["e": try item(scene)])
    #expect(await scene.reachAtOnce { scene.file("e", "KEY_PREVIOUS") == "one" })
    #expect(scene.file("e", "KEY") == "two")
    guard isDenied else {
      return
    }
    scene.store.fail("KEY", .denied)
    #expect(await scene.reach(within: .seconds(130)) { files() == 0 })
  }
}
