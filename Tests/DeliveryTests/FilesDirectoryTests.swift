import Foundation
import SecretBytes
import Testing

@testable import Delivery

@Suite struct FilesDirectoryTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func target(_ permissions: OutputPermissions = OutputPermissions()) -> OutputTarget {
    OutputTarget(filesDirectory: FilesDirectoryOutput(OutputLocation(folder.path("d")), permissions: permissions))
  }

  private func secrets(_ values: [String: String]) -> [DeliveredSecret] {
    values.map { DeliveredSecret(name: $0.key, value: SecretBytes($0.value)) }
  }

  private func link(_ name: String) throws -> String {
    try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("d/" + name))
  }

  @Test func theLayoutIsThatOfProjectedVolumes() throws {
    let values = ["tls.crt": "pem\n", "a-b": "", "KEY": "no newline"]
    #expect(try target().deliver(secrets(values)).filesDirectory == .content)
    let generation = try link("..data")
    #expect(FilesLayout.isGeneration(generation))
    #expect(try folder.names("d") == ["..data", generation, "KEY", "a-b", "tls.crt"])
    for (name, value) in values {
      #expect(try link(name) == "..data/" + name)
      #expect(try content(folder.path("d/" + name)) == Array(value.utf8))
      #expect(try status(folder.path("d/..data/" + name)).st_mode & 0o7777 == 0o600)
    }
    #expect(try folder.names("d/..data") == values.keys.sorted())
    #expect(try status(folder.path("d")).st_mode & 0o7777 == 0o700)
    #expect(try status(folder.path("d/" + generation)).st_mode & 0o7777 == 0o700)
  }

  @Test func bytesThatNoEnvironmentCarriesAreFilesAllTheSame() throws {
    let bytes: [UInt8] = [0, 0xff, 0x0a, 0, 0x80]
    _ = try target().deliver([DeliveredSecret(name: "BINARY", value: SecretBytes(bytes))])
    #expect(try content(folder.path("d/BINARY")) == bytes)
  }

  @Test func aNewGenerationReplacesTheOldWholly() throws {
    _ = try target().deliver(secrets(["A": "1", "GONE": "1"]))
    let first = try link("..data")
    let outcome = try target().deliver(secrets(["A": "2", "NEW": "2"]))
    #expect(outcome.filesDirectory == .content)
    #expect(outcome.warnings.isEmpty)
    let second = try link("..data")
    #expect(first != second)
    #expect(try folder.names("d") == ["..data", second, "A", "NEW"])
    #expect(try content(folder.path("d/A")) == Array("2".utf8))
  }

  @Test func anUnchangedSetIsNotTouched() throws {
    _ = try target().deliver(secrets(["A": "1", "B": "2"]))
    let generation = try link("..data")
    let before = try status(folder.path("d"))
    #expect(try target().deliver(secrets(["B": "2", "A": "1"])).filesDirectory == OutputChange.none)
    #expect(try link("..data") == generation)
    let after = try status(folder.path("d"))
    #expect(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec)
  }

  @Test func modesAndLinksAloneAreSetRightInPlace() throws {
    _ = try target().deliver(secrets(["A": "1", "B": "2"]))
    let generation = try link("..data")
    #expect(unlink(folder.path("d/A")) == 0)
    #expect(try target().deliver(secrets(["A": "1", "B": "2"])).filesDirectory == .permissions)
    #expect(try content(folder.path("d/A")) == Array("1".utf8))
    let shared = OutputPermissions(fileMode: 0o440, folderMode: 0o750)
    #expect(try target(shared).deliver(secrets(["A": "1", "B": "2"])).filesDirectory == .permissions)
    #expect(try link("..data") == generation)
    #expect(try status(folder.path("d/..data/A")).st_mode & 0o7777 == 0o440)
    #expect(try status(folder.path("d/" + generation)).st_mode & 0o7777 == 0o750)
    #expect(try status(folder.path("d")).st_mode & 0o7777 == 0o750)
  }

  @Test func ownerAndGroupHoldForEveryPart() throws {
    guard geteuid() == 0 else {
      return
    }
    _ = try target(OutputPermissions(owner: 1234, group: 2345)).deliver(secrets(["A": "1"]))
    for name in ["d", "d/..data/", "d/..data/A"] {
      let status = try status(folder.path(name))
      #expect(status.st_uid == 1234 && status.st_gid == 2345, "\(name)")
    }
  }

  @Test func alteredContentIsReplaced() throws {
    _ = try target().deliver(secrets(["A": "1"]))
    try Data("2".utf8).write(to: URL(fileURLWithPath: folder.path("d/A")))
    #expect(try target().deliver(secrets(["A": "1"])).filesDirectory == .content)
    #expect(try content(folder.path("d/A")) == Array("1".utf8))
  }

  @Test(arguments: ["", ".", "..", ".hidden", "a/b", "a..b", "..data", "a b", "ä", "a\nb"])
  func aNameThatIsNoFileIsRefused(name: String) throws {
    #expect(throws: DeliveryFaults.self) { try target().deliver(secrets([name: "x"])) }
    #expect(try folder.names().isEmpty)
  }

  @Test func aForeignDirectoryIsRefusedAndLeftAsItIs() throws {
    _ = try folder.makeFolder("d")
    try Data("theirs".utf8).write(to: URL(fileURLWithPath: folder.path("d/notes.txt")))
    let fault = try #require(throws: DeliveryFaults.self) { try target().deliver(secrets(["A": "1"])) }
    #expect(fault.description.contains("not this agent's"))
    #expect(try folder.names("d") == ["notes.txt"])
    try target().remove()
    #expect(try folder.names("d") == ["notes.txt"])
  }

  @Test func aForeignNameAmongOursIsKeptAndACollisionRefused() throws {
    _ = try target().deliver(secrets(["A": "1"]))
    try Data("theirs".utf8).write(to: URL(fileURLWithPath: folder.path("d/B")))
    _ = try target().deliver(secrets(["A": "2"]))
    #expect(try content(folder.path("d/B")) == Array("theirs".utf8))
    let fault = try #require(throws: DeliveryFaults.self) { try target().deliver(secrets(["A": "3", "B": "3"])) }
    #expect(fault.description.contains("of the name B"))
    #expect(try content(folder.path("d/A")) == Array("2".utf8))
    try target().remove()
    #expect(try folder.names("d") == ["B"])
  }

  @Test func plantedLinksInTheDirectoryAreNotFollowed() throws {
    let outside = try folder.makeFolder("outside")
    try Data("theirs".utf8).write(to: URL(fileURLWithPath: outside + "/A"))
    #expect(symlink(outside, folder.path("d")) == 0)
    #expect(throws: DeliveryFaults.self) { try target().deliver(secrets(["A": "1"])) }
    #expect(unlink(folder.path("d")) == 0)

    _ = try target().deliver(secrets(["A": "1"]))
    let generation = try link("..data")
    #expect(unlink(folder.path("d/..data")) == 0)
    #expect(symlink("../outside", folder.path("d/..data")) == 0)
    #expect(throws: DeliveryFaults.self) { try target().deliver(secrets(["A": "2"])) }
    #expect(throws: DeliveryFaults.self) { try target().remove() }

    // The generation itself as a link to a place of the workload's choice.
    #expect(unlink(folder.path("d/..data")) == 0)
    #expect(symlink(generation, folder.path("d/..data")) == 0)
    try FileManager.default.removeItem(atPath: folder.path("d/" + generation))
    #expect(symlink("../outside", folder.path("d/" + generation)) == 0)
    let outcome = try target().deliver(secrets(["A": "3"]))
    #expect(!outcome.warnings.isEmpty, "the planted link is not removed in silence")
    #expect(try content(folder.path("d/A")) == Array("3".utf8))
    #expect(try content(outside + "/A") == Array("theirs".utf8))
    #expect(try folder.names("outside") == ["A"])
  }

  @Test func whatKilledWritersLeftIsRemoved() throws {
    _ = try target().deliver(secrets(["A": "1"]))
    let stale = "..generation_0123456789abcdef"
    _ = try folder.makeFolder("d/" + stale)
    try Data("half".utf8).write(to: URL(fileURLWithPath: folder.path("d/\(stale)/A")))
    #expect(symlink(stale, folder.path("d/..data_0123456789abcdef")) == 0)
    _ = try folder.makeFolder("d/..generation_ffffffffffffffff")
    let writer = open(folder.path("d/..generation_ffffffffffffffff"), O_RDONLY)
    #expect(flock(writer, LOCK_EX) == 0)
    defer { close(writer) }
    _ = try target().deliver(secrets(["A": "2"]))
    #expect(try folder.names("d") == ["..data", try link("..data"), "..generation_ffffffffffffffff", "A"].sorted())
  }

  @Test func aStagedGenerationThatIsDroppedLeavesNothing() throws {
    do {
      _ = try target().stage(secrets(["A": "1"]))
    }
    #expect(try folder.names().isEmpty, "not even the directory that it made")
    _ = try target().deliver(secrets(["A": "1"]))
    let before = try folder.names("d")
    do {
      _ = try target().stage(secrets(["A": "2", "B": "2"]))
    }
    #expect(try folder.names("d") == before)
    #expect(try content(folder.path("d/A")) == Array("1".utf8))
  }

  @Test func removingTakesEverythingAndIsNoFaultTwice() throws {
    _ = try target().deliver(secrets(["A": "1", "tls.key": "2"]))
    try target().remove()
    #expect(try folder.names().isEmpty)
    try target().remove()
  }

  @Test func manySecretsMakeOneGeneration() throws {
    let many = Dictionary(uniqueKeysWithValues: (0..<1000).map { ("NAME_\($0)", "value \($0)") })
    _ = try target().deliver(secrets(many))
    #expect(try folder.names("d").count == 1002)
    #expect(try target().deliver(secrets(many)).filesDirectory == OutputChange.none)
  }
}
