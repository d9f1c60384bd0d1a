import Foundation
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

  @Test func allTellsOfWhatCannotBeUsed() throws {
    try folder.write(generation("e"))
    try Data("garbage".utf8).write(to: URL(fileURLWithPath: folder.path + "/x.sealed"))
    let all = try folder.all()
    #expect(all.compactMap { try? $0.get() } == [generation("e")])
    #expect(all.count == 2)
    #expect(try folder.files.removeAll() == 2)
    #expect(try folder.all().isEmpty)
  }

  @Test func aFolderOfThatNameIsNotTheAgents() throws {
    try folder.write(generation("e"))
    try FileManager.default.createDirectory(atPath: folder.path + "/x.sealed", withIntermediateDirectories: false)
    #expect(try folder.all().count == 1)
    #expect(try folder.files.removeAll() == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["x.sealed"])
  }

  @Test func aFolderThatIsNotThereHasNoFiles() throws {
    let none = CacheFiles(scratch.path + "/none")
    #expect(none.count == 0)
    #expect(try none.removeAll() == 0)
  }
}
