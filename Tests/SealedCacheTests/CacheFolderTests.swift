import Foundation
import Glibc
import SecretBytes
import TestSupport
import Testing

@testable import SealedCache

@Suite struct CacheFolderTests {
  private let scratch: ScratchFolder
  private let folder: CacheFolder

  init() throws {
    scratch = try ScratchFolder()
    folder = try CacheFolder(scratch.path + "/cache", CacheKeys([.random()]))
  }

  private func generation(_ id: String, _ value: String = "hunter2") -> CachedGeneration {
    CachedGeneration(
      executionID: id,
      values: [
        CachedValue(
          name: "A", identity: "i", version: nil, fetchedAtUnix: 5, expiresAtUnix: nil, payload: SecretBytes(value))
      ])
  }

  private var files: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).map { "\(folder.path)/\($0)" } }
  }

  @Test(arguments: ["e", "", "../x", String(repeating: "n", count: 5000), "a/b\u{0}c"])
  func whatIsWrittenIsReadBack(_ id: String) throws {
    try folder.write(generation(id))
    #expect(try folder.read(id) == generation(id))
    let attributes = try FileManager.default.attributesOfItem(atPath: try #require(files.first))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    try folder.remove(id)
    #expect(try folder.read(id) == nil)
    try folder.remove(id)
  }

  @Test func aFileOfAnotherExecutionIsNotTakenForIt() throws {
    try folder.write(generation("e"))
    let first = try #require(try files.first)
    try folder.write(generation("f", "other"))
    let second = try #require(try files.first { $0 != first })
    try FileManager.default.removeItem(atPath: second)
    try FileManager.default.copyItem(atPath: first, toPath: second)
    #expect(throws: CacheFault.self) { try folder.read("f") }
  }

  @Test func noValueLiesInTheClear() throws {
    try folder.write(generation("e"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: try #require(files.first)))
    #expect(bytes.range(of: Data("hunter2".utf8)) == nil)
  }

  private var all: [Result<CachedGeneration, CacheFault>] {
    get throws {
      var all: [Result<CachedGeneration, CacheFault>] = []
      try folder.visit { all.append($0) }
      return all
    }
  }

  private func write(_ text: String, as name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder.path)/\(name)"))
  }

  private static let otherName = String(repeating: "0", count: 64) + ".sealed"

  @Test func whatCannotBeUsedIsToldOf() throws {
    try folder.write(generation("e"))
    try write("garbage", as: Self.otherName)
    #expect(try all.compactMap { try? $0.get() } == [generation("e")])
    #expect(try all.count == 2)
    #expect(try folder.files.removeAll() == 2)
    #expect(try all.isEmpty)
  }

  @Test func whatSomebodyCopiedIsCountedForNoExecution() throws {
    try folder.write(generation("e"))
    let file = try #require(files.first)
    try FileManager.default.copyItem(atPath: file, toPath: file + ".bak")
    try FileManager.default.copyItem(atPath: file, toPath: folder.path + "/old.sealed")
    try FileManager.default.copyItem(atPath: file, toPath: folder.path + "/" + Self.otherName)
    try write("", as: "note.bak")
    #expect(try all.compactMap { try? $0.get() } == [generation("e")])
    #expect(try all.count == 2, "the one under an execution's name is told of")
    #expect(folder.files.count == 2)
    let copies = [String(file.split(separator: "/").last ?? "") + ".bak", "old.sealed"]
    #expect(try folder.files.copies() == copies)
    #expect(try folder.files.removeAll() == 2)
    #expect(try folder.files.copies() == copies)
  }

  @Test func aFolderOfThatNameIsNotTheAgents() throws {
    try folder.write(generation("e"))
    let path = folder.path + "/" + Self.otherName
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(try all.count == 1)
    #expect(try folder.files.removeAll() == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [Self.otherName])
  }

  /// None of them is opened for longer than it takes to see what it is.
  @Test func whatIsNoFileIsToldOfAndRemoved() throws {
    try folder.write(generation("e"))
    let names = ["1", "2", "3"].map { String(repeating: $0, count: 64) + ".sealed" }
    #expect(symlink(try #require(files.first), "\(folder.path)/\(names[0])") == 0)
    #expect(mkfifo("\(folder.path)/\(names[1])", 0o600) == 0)
    #expect(symlink("/dev/zero", "\(folder.path)/\(names[2])") == 0)
    #expect(try all.count == 4)
    #expect(try all.compactMap { try? $0.get() } == [generation("e")])
    #expect(try folder.files.removeAll() == 4)
  }

  @Test func aFileThatIsTooLargeIsNotRead() throws {
    let path = "\(folder.path)/\(Self.otherName)"
    try write("", as: Self.otherName)
    #expect(truncate(path, 1 << 40) == 0)
    let fault = try #require(try all.first?.failure)
    #expect(fault.description.contains("too large"))
  }

  @Test(arguments: [0o777, 0o720, 0o1777])
  func aFolderThatOthersWriteIntoIsRefused(_ mode: mode_t) throws {
    let path = scratch.path + "/open"
    #expect(mkdir(path, 0o700) == 0 && chmod(path, mode) == 0)
    let fault = #expect(throws: CacheFault.self) { try CacheFolder(path, CacheKeys([.random()])) }
    #expect(fault?.description == "\(path): others may write into it; make it mode 0700")
    #expect(throws: CacheFault.self) { try CacheFolder.check(path) }
    #expect(chmod(path, 0o755) == 0)
    _ = try CacheFolder(path, CacheKeys([.random()]))
  }

  @Test func aLinkIsNoFolder() throws {
    #expect(symlink(folder.path, scratch.path + "/link") == 0)
    #expect(throws: CacheFault.self) { try CacheFolder(scratch.path + "/link", CacheKeys([.random()])) }
    #expect(throws: CacheFault.self) { try CacheFolder.check(scratch.path + "/link") }
    try CacheFolder.check(scratch.path + "/none")
  }

  @Test func aFolderThatIsNotThereHasNoFiles() throws {
    let none = CacheFiles(scratch.path + "/none")
    #expect(none.count == 0)
    #expect(try none.removeAll() == 0)
    #expect(try none.copies().isEmpty)
    try none.remove("e")
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}
