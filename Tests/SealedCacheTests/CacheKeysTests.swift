import EventLoop
import Foundation
import Glibc
import SecretBytes
import TestSupport
import Testing

@testable import SealedCache

@Suite struct CacheKeysTests {
  private let scratch: ScratchFolder
  private var path: String { scratch.path + "/cache.key" }

  init() throws { scratch = try ScratchFolder() }

  private func names(_ credentials: String? = nil) async throws -> [[UInt8]] {
    try await CacheKeys.load(path: path, credentials: credentials, tpm: TPMSeal(on: EventLoop())).all.map(\.name)
  }

  @Test func aMadeFileIsItsOwnersAlone() async throws {
    try await CacheKeyFile.create(at: path)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    #expect(try await names().count == 1)
  }

  @Test func aKeyThatIsThereIsNotReplaced() async throws {
    try await CacheKeyFile.create(at: path)
    let before = try await names()
    await #expect(throws: CacheFault.self) { try await CacheKeyFile.create(at: path) }
    #expect(try await names() == before)
  }

  /// As a full disk or `touch` leaves it: nothing was ever sealed by it.
  @Test(arguments: ["", "\n\r\n"]) func aFileWithoutAKeyGetsOne(_ text: String) async throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let fault = await #expect(throws: CacheFault.self) { try await CacheKeyFile.rotate(at: path) }
    #expect(chmod(path, 0o600) == 0)
    let other = await #expect(throws: CacheFault.self) { try await names() }
    #expect(other?.description.hasSuffix("secrets-agent cache init --key-file \(path)") == true)
    #expect(fault?.description.contains("secrets-agent cache init") == true)
    try await CacheKeyFile.create(at: path)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    #expect(try await names().count == 1)
  }

  @Test func aRotationPutsANewKeyBeforeTheOldOne() async throws {
    try await CacheKeyFile.create(at: path)
    let first = try await names()
    try await CacheKeyFile.rotate(at: path)
    let second = try await names()
    #expect(second.count == 2 && second.last == first.first)
  }

  /// The daemon seals by the key that it started with, however many rotations ago.
  @Test func noRotationTakesAKeyAwayUnasked() async throws {
    try await CacheKeyFile.create(at: path)
    let first = try await names()
    for _ in 1..<CacheKeyFile.most {
      try await CacheKeyFile.rotate(at: path)
    }
    let full = try await names()
    #expect(full.count == CacheKeyFile.most && full.last == first.first)
    let fault = await #expect(throws: CacheFault.self) { try await CacheKeyFile.rotate(at: path) }
    #expect(fault?.description.contains("--keep N") == true)
    #expect(try await names() == full)
    try await CacheKeyFile.rotate(at: path, keeping: 2)
    #expect(try await names().dropFirst() == full.prefix(2))
  }

  @Test func twoWritersDoNotTakeEachOthersKeyAway() async throws {
    try await CacheKeyFile.create(at: path)
    let before = try await names()
    let other = open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
    let fault = await #expect(throws: CacheFault.self) { try await CacheKeyFile.rotate(at: path, patience: .zero) }
    #expect(fault?.description.hasPrefix("\(path): another cache init is at work in this folder") == true)
    #expect(try await names() == before)
    close(other)
    try await CacheKeyFile.rotate(at: path)
    #expect(try await names().count == 2)
  }

  @Test func aCredentialOfTheServiceManagerCountsFirst() async throws {
    try await CacheKeyFile.create(at: path)
    let other = try ScratchFolder()
    try await CacheKeyFile.create(at: other.path + "/" + CacheKeys.credentialName)
    let own = try await names()
    #expect(try await names(other.path) != own)
    #expect(try await names(other.path + "/none") == own)
    try Data().write(to: other.file(CacheKeys.credentialName))
    let fault = await #expect(throws: CacheFault.self) { try await names(other.path) }
    #expect(fault?.description.hasSuffix("that `secrets-agent cache init --key-file FILE` makes") == true)
  }

  @Test(arguments: [0o640, 0o604, 0o666])
  func aFileThatOthersReadIsRefused(_ mode: Int) async throws {
    try await CacheKeyFile.create(at: path)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    await #expect(throws: CacheFault.self) { try await names() }
  }

  @Test(arguments: [
    "", "\n", "abc\n", String(repeating: "1", count: 63), String(repeating: "g", count: 64), "\u{0}",
    String(repeating: "1", count: 128), String(repeating: "1", count: 64) + "\nx",
  ])
  func whatIsNoKeyIsRefusedWithoutBeingShown(_ text: String) throws {
    let fault = #expect(throws: CacheFault.self) { try CacheKeyFile(parsing: SecretBytes(text), from: "f") }
    #expect(fault?.description.contains("111") == false)
  }

  @Test func endsOfLinesMayBeWindows() async throws {
    let text = String(repeating: "1", count: 64) + "\r\n" + String(repeating: "2", count: 64)
    #expect(try CacheKeyFile(parsing: SecretBytes(text), from: "f").entries.count == 2)
  }
}
