import Foundation
import Glibc
import TestSupport
import Testing

@testable import AgentDaemon

/// A file system of 64 KiB at a scene's outputs, taken away at the end.
private final class SmallDisk {
  static let canMount = (try? SmallDisk(at: NSTemporaryDirectory() + "secrets-agent-disk-\(UUID().uuidString)")) != nil

  private let path: String

  init(at path: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    self.path = path
    guard mount("tmpfs", path, "tmpfs", 0, "size=64k,mode=0711") == 0 else {
      throw POSIXError(.EPERM)
    }
  }

  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }
}

@Test(.enabled(if: SmallDisk.canMount, "needs the right to mount a tmpfs"))
func aFullDiskAtTheSwapKeepsTheGenerationAndIsTriedAgain() async throws {
  let scene = try await SupervisorScene()
  let disk = try SmallDisk(at: scene.root + "/out")
  defer { withExtendedLifetime(disk) {} }
  scene.store.put("A", "1")
  scene.store.put("B", "1")
  await scene.list(["e": try scene.item("e", ["A", "B"])])
  #expect(await scene.generation("e", is: 1))
  let link = "\(scene.root)/out/e/..data"
  let target = try FileManager.default.destinationOfSymbolicLink(atPath: link)

  scene.store.put("A", "2")
  scene.store.put("B", String(repeating: "x", count: 60_000))
  #expect(await scene.reach { await scene.status("e")?.state == .failing })
  #expect(await scene.status("e")?.problems.first?.contains("ENOSPC") == true)
  await scene.pass(.seconds(200))
  #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
  #expect(scene.file("e", "A") == "1" && scene.file("e", "B") == "1")
  #expect(try FileManager.default.contentsOfDirectory(atPath: "\(scene.root)/out/e").count == 6, "nothing half-written")
  #expect(scene.notices.all.isEmpty)

  scene.store.put("B", "3")
  #expect(await scene.generation("e", is: 2))
  #expect(scene.file("e", "A") == "2" && scene.file("e", "B") == "3")
  #expect(await scene.status("e")?.state == .live)
}
