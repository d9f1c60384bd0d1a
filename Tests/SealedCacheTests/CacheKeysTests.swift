import Foundation
import SecretBytes
import TestSupport
import Testing

@testable import SealedCache

@Suite struct CacheKeysTests {
  private let scratch: ScratchFolder
  private var path: String { scratch.path + "/cache.key" }

  init() throws { scratch = try ScratchFolder() }

  private func names(_ credentials: String? = nil) throws -> [[UInt8]] {
    try CacheKeys.load(path: path, credentials: credentials).all.map(\.name)
  }

  @Test func aMadeFileIsItsOwnersAlone() throws {
    try CacheKeys.create(at: path)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    #expect(try names().count == 1)
  }

  @Test func aKeyThatIsThereIsNotReplaced() throws {
    try CacheKeys.create(at: path)
    let before = try names()
    #expect(throws: CacheFault.self) { try CacheKeys.create(at: path) }
    #expect(try names() == before)
  }

  @Test func aRotationPutsANewKeyBeforeTheOldOne() throws {
    try CacheKeys.create(at: path)
    let first = try names()
    try CacheKeys.rotate(at: path)
    let second = try names()
    #expect(second.count == 2 && second.last == first.first)
    for _ in 0..<20 {
      try CacheKeys.rotate(at: path)
    }
    #expect(try names().count == CacheKeys.most)
  }

  @Test func aCredentialOfTheServiceManagerCountsFirst() throws {
    try CacheKeys.create(at: path)
    let other = try ScratchFolder()
    try CacheKeys.create(at: other.path + "/" + CacheKeys.credentialName)
    #expect(try names(other.path) != names())
    #expect(try names(other.path + "/none") == names())
  }

  @Test(arguments: [0o640, 0o604, 0o666])
  func aFileThatOthersReadIsRefused(_ mode: Int) throws {
    try CacheKeys.create(at: path)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    #expect(throws: CacheFault.self) { try names() }
  }

  @Test(arguments: [
    "", "\n", "abc\n", String(repeating: "1", count: 63), String(repeating: "g", count: 64), "\u{0}",
    String(repeating: "1", count: 128), String(repeating: "1", count: 64) + "\nx",
  ])
  func whatIsNoKeyIsRefusedWithoutBeingShown(_ text: String) throws {
    let fault = #expect(throws: CacheFault.self) { try CacheKeys(parsing: SecretBytes(text), from: "f") }
    #expect(fault?.description.contains("111") == false)
  }

  @Test func endsOfLinesMayBeWindows() throws {
    let text = String(repeating: "1", count: 64) + "\r\n" + String(repeating: "2", count: 64)
    #expect(try CacheKeys(parsing: SecretBytes(text), from: "f").all.count == 2)
  }
}
