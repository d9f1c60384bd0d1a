import Files
import Foundation
import SecretBytes
import Synchronization
import Testing

@testable import Delivery

/// Env file and files as one generation, under readers and faults.
@Suite struct GenerationTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func target(in path: String, _ permissions: OutputPermissions = OutputPermissions()) -> OutputTarget {
    OutputTarget(
      environmentFile: EnvironmentFileOutput(
        OutputLocation(path + "/app.env"), format: .docker, permissions: permissions),
      filesDirectory: FilesDirectoryOutput(OutputLocation(path + "/files"), permissions: permissions))
  }

  private func secrets(_ value: String, count: Int = 3) -> [DeliveredSecret] {
    (0..<count).map { DeliveredSecret(name: "NAME_\($0)", value: SecretBytes(value)) }
  }

  private func faults(of staged: consuming StagedGeneration) -> DeliveryFaults? {
    do throws(DeliveryFaults) {
      _ = try staged.commit()
      return nil
    } catch {
      return error
    }
  }

  /// Every byte, name, mode and inode beneath `path`.
  private func picture(_ path: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: path).sorted().map { name in
      let status = try status(path + "/" + name)
      // A folder's time changes when a temporary comes and goes in it.
      let what = status.st_mode & S_IFMT == S_IFREG ? "\(status.st_mtim.tv_nsec) \(try content(path + "/" + name))" : ""
      return "\(name) \(status.st_mode) \(status.st_uid) \(status.st_ino) \(what)"
    }
  }

  @Test func aFaultOfOneOutputLeavesBothAsTheyWere() throws {
    let target = target(in: folder.root)
    _ = try target.deliver(secrets("old"))
    let before = try picture(folder.root)
    // Files could carry it, docker cannot.
    #expect(throws: DeliveryFaults.self) { try target.deliver(secrets("new\nline")) }
    #expect(try picture(folder.root) == before)
    // The other way round: an occupied name.
    try Data().write(to: URL(fileURLWithPath: folder.path("files/NAME_9")))
    let occupied = try picture(folder.root)
    #expect(throws: DeliveryFaults.self) { try target.deliver(secrets("new", count: 10)) }
    #expect(try picture(folder.root) == occupied)
  }

  @Test func faultsOfBothOutputsAreToldTogether() throws {
    let target = OutputTarget(
      environmentFile: EnvironmentFileOutput(OutputLocation(folder.path("none/app.env"))),
      filesDirectory: FilesDirectoryOutput(OutputLocation(folder.path("nowhere/files"))))
    let faults = try #require(throws: DeliveryFaults.self) { try target.deliver(secrets("x")) }
    #expect(faults.faults.count == 2)
  }

  @Test func whenTheSecondRenameFailsTheFirstIsUndone() throws {
    let target = target(in: folder.root)
    _ = try target.deliver(secrets("old"))
    let generation = try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("files/..data"))
    let staged = try target.stage(secrets("new", count: 4))
    // A folder cannot be replaced by a file.
    try FileManager.default.removeItem(atPath: folder.path("app.env"))
    _ = try folder.makeFolder("app.env/occupied")
    #expect(faults(of: staged) != nil)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("files/..data")) == generation)
    #expect(try folder.names("files") == ["..data", generation, "NAME_0", "NAME_1", "NAME_2"])
    #expect(try content(folder.path("files/NAME_0")) == Array("old".utf8))
    #expect(try folder.names() == ["app.env", "files"])
  }

  @Test func whenTheFirstDeliveryFailsNothingIsLeft() throws {
    let target = target(in: folder.root)
    let staged = try target.stage(secrets("new"))
    _ = try folder.makeFolder("app.env/occupied")
    #expect(faults(of: staged) != nil)
    #expect(try folder.names() == ["app.env"])
  }

  @Test(.enabled(if: TemporaryFolder.canMount, "needs the right to mount a tmpfs"))
  func aFullDiskLeavesTheOldOutputsAndNoTemporaries() throws {
    let disk = try folder.mountTmpfs("disk", size: "256k")
    let target = target(in: disk)
    _ = try target.deliver(secrets("old"))
    let before = try picture(disk)
    for count in [1, 2, 8, 20] {
      // Each value fits docker's line; all together do not fit the disk, at one point or another.
      let large = secrets(String(repeating: "x", count: 60_000), count: max(5, count))
      let fault = try #require(throws: DeliveryFaults.self) { try target.deliver(large) }
      #expect(fault.faults.contains { $0.systemError == ENOSPC })
      #expect(fault.description.contains("No space left on device (ENOSPC)"))
      #expect(try picture(disk) == before)
    }
    #expect(try target.deliver(secrets("new")).hasNewContent)
  }

  @Test(.enabled(if: TemporaryFolder.canMount, "needs the right to mount a tmpfs"))
  func aFullDiskSparesTheFallbackWayToo() throws {
    let disk = try folder.mountTmpfs("disk", size: "64k")
    let output = EnvironmentFileOutput(OutputLocation(disk + "/app.env"), format: .json)
    for method in [TemporaryFile.Method.anonymous, .named] {
      let large = secrets(String(repeating: "x", count: 90_000), count: 1)
      #expect(throws: DeliveryFaults.self) { _ = try StagedEnvironmentFile.stage(output, large, method: method) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk).isEmpty)
    }
  }

  @Test(.enabled(if: TemporaryFolder.canMount, "needs the right to mount a tmpfs"))
  func aReadOnlyFileSystemIsAClearFaultAndLeavesTheOldOutputs() throws {
    let disk = try folder.mountTmpfs("disk", size: "256k")
    let target = target(in: disk)
    _ = try target.deliver(secrets("old"))
    let before = try picture(disk)
    try run("mount", ["-o", "remount,ro", disk])
    let fault = try #require(throws: DeliveryFaults.self) { try target.deliver(secrets("new")) }
    #expect(fault.faults.count == 2 && fault.faults.allSatisfy { $0.systemError == EROFS })
    #expect(throws: DeliveryFaults.self) { try target.remove() }
    #expect(try target.deliver(secrets("old")).hasNewContent == false)
    #expect(try picture(disk) == before)
  }

  @Test func aReaderSeesOneGenerationOnly() throws {
    let target = target(in: folder.root)
    _ = try target.deliver(secrets("0", count: 12))
    let path = folder.root
    let isDone = Atomic(false)
    let seen = Mutex<(mixes: [String], reads: Int)>(([], 0))
    let reader = Thread {
      while !isDone.load(ordering: .acquiring) {
        var values: Set<[UInt8]> = []
        let generation = open(path + "/files/..data", O_RDONLY | O_DIRECTORY)
        var isWhole = generation >= 0
        for place in 0..<12 where isWhole {
          let file = openat(generation, "NAME_\(place)", O_RDONLY)
          isWhole = file >= 0
          if isWhole {
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = read(file, &buffer, buffer.count)
            values.insert(Array(buffer.prefix(max(count, 0))))
            close(file)
          }
        }
        close(generation)
        let text = (try? content(path + "/app.env")) ?? []
        let lines = Set(text.split(separator: 10).map { $0.split(separator: 61).last ?? [] })
        let count = values.count
        seen.withLock {
          // A generation that vanished while it was read is no mix: the reader opens the new one.
          $0.reads += isWhole ? 1 : 0
          if isWhole, count != 1 {
            $0.mixes.append("files: \(count) generations at once")
          }
          if lines.count != 1 || text.last != 10 {
            $0.mixes.append("env file: \(lines.count) generations at once")
          }
        }
      }
    }
    reader.start()
    while seen.withLock({ $0.reads }) == 0 {
      sched_yield()
    }
    for round in 1...300 {
      _ = try target.deliver(secrets("\(round)", count: 12))
    }
    isDone.store(true, ordering: .releasing)
    while !reader.isFinished {
      sched_yield()
    }
    let result = seen.withLock { $0 }
    #expect(result.mixes.isEmpty, "\(result.mixes.first ?? "")")
    #expect(result.reads > 10)
    #expect(try content(folder.path("files/NAME_0")) == Array("300".utf8))
  }

  @Test func nothingIsEverOpenToOthersNotEvenForAMoment() throws {
    let path = folder.root
    let target = target(in: path, OutputPermissions(fileMode: 0o600, folderMode: 0o700))
    let isDone = Atomic(false)
    let seen = Mutex<(open: [String], looks: Int)>(([], 0))
    let earlier = umask(0)
    defer { umask(earlier) }
    let observer = Thread {
      while !isDone.load(ordering: .acquiring) {
        let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        for name in names {
          var status = stat()
          if lstat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT != S_IFLNK, status.st_mode & 0o077 != 0 {
            seen.withLock { $0.open.append("\(name) \(String(status.st_mode, radix: 8))") }
          }
        }
        seen.withLock { $0.looks += 1 }
      }
    }
    observer.start()
    for round in 0..<100 {
      _ = try target.deliver(secrets("\(round)"))
    }
    while seen.withLock({ $0.looks }) < 20 {
      sched_yield()
    }
    isDone.store(true, ordering: .releasing)
    while !observer.isFinished {
      sched_yield()
    }
    #expect(seen.withLock { $0.open } == [])
  }

  @Test func stoppingRemovesBoth() throws {
    let target = target(in: folder.root)
    _ = try target.deliver(secrets("x"))
    try target.remove()
    #expect(try folder.names().isEmpty)
  }
}
