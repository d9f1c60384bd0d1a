import EventLoop
import Foundation
import Glibc
import SealedCache
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

/// A cache whose files are on a small disk, and its key is not.
private final class SealedOnSmallDisk {
  let folder: String
  let cache: GenerationCache
  private let scratch: ScratchFolder
  private let disk: SmallDisk

  init() async throws {
    scratch = try ScratchFolder()
    disk = try SmallDisk(at: scratch.path + "/disk")
    try await CacheKeyFile.create(at: scratch.path + "/key")
    let keys = try await CacheKeys.load(path: scratch.path + "/key", credentials: nil, tpm: TPMSeal(on: EventLoop()))
    folder = scratch.path + "/disk/cache"
    cache = GenerationCache(try CacheFolder(folder, keys))
  }

  func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder) }

  /// Leaves no room on the disk.
  func fill() {
    let descriptor = open(scratch.path + "/disk/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    while write(descriptor, [UInt8](repeating: 0, count: 4096), 4096) > 0 {}
    close(descriptor)
  }
}

/// The new file that leaves a value out may not fit; what its store refuses goes all the same.
@Test(.enabled(if: SmallDisk.canMount, "needs the right to mount a tmpfs"))
func aFullDiskSavesNoValueOfTheCache() async throws {
  let sealed = try await SealedOnSmallDisk()
  defer { withExtendedLifetime(sealed) {} }
  let scene = try await SupervisorScene("full disk, cache", cache: sealed.cache)
  scene.store.put("A", "1")
  scene.store.put("B", String(repeating: "x", count: 20_000))
  await scene.list(["e": try scene.item("e", ["A", "B"])])
  #expect(await scene.reach { (try? sealed.files().count) == 1 })
  let (name, whole) = (
    try #require(sealed.files().first),
    try Data(contentsOf: URL(fileURLWithPath: sealed.folder + "/" + sealed.files()[0]))
  )

  sealed.fill()
  scene.store.put("A", "2")
  #expect(await scene.reach { await scene.status("e")?.problems.first?.contains("ENOSPC") == true })
  #expect(try sealed.files() == [name], "nothing half-written")
  #expect(try Data(contentsOf: URL(fileURLWithPath: sealed.folder + "/" + name)) == whole, "the last that was written")
  #expect(await scene.reachAtOnce { scene.file("e", "A") == "2" }, "delivered all the same")

  await scene.supervisor.stopAll()
  scene.store.fail("A", .denied)
  let second = try await SupervisorScene("full disk, cache", time: scene.time, store: scene.store, cache: sealed.cache)
  await second.list(["e": try second.item("e", ["A", "B"])])
  #expect(await second.reach(within: .seconds(130)) { (try? sealed.files().isEmpty) == true })
  #expect(
    await second.reach(within: .seconds(130)) {
      await second.status("e")?.problems.contains { $0.contains("ENOSPC") } == false
    })
}

/// The same of a value that is refused while its file cannot be written anew.
@Test(.enabled(if: SmallDisk.canMount, "needs the right to mount a tmpfs"))
func aFullDiskSavesNoValueThatIsRefusedMeanwhile() async throws {
  let sealed = try await SealedOnSmallDisk()
  defer { withExtendedLifetime(sealed) {} }
  let scene = try await SupervisorScene("full disk, refused", cache: sealed.cache)
  scene.store.put("A", "1")
  scene.store.put("B", String(repeating: "x", count: 20_000))
  await scene.list(["e": try scene.item("e", ["A", "B"])])
  #expect(await scene.reach { (try? sealed.files().count) == 1 })
  sealed.fill()
  scene.store.fail("A", .denied)
  #expect(await scene.reach(within: .seconds(130)) { (try? sealed.files().isEmpty) == true })
  #expect(scene.file("e", "A") == "1", "the last good generation stays while it runs")
}
