import SecretBytes
import TestSupport
import Testing

@testable import SealedCache

@Suite struct CachedGenerationTests {
  private let generation = CachedGeneration(
    executionID: "e-1",
    values: [
      CachedValue(
        name: "DB_PASSWORD", identity: "ab12", version: "3", fetchedAtUnix: 1_700_000_000, expiresAtUnix: nil,
        payload: SecretBytes("hunter2")),
      CachedValue(
        name: "EMPTY", identity: "cd34", version: nil, fetchedAtUnix: -1, expiresAtUnix: 1_800_000_000,
        payload: SecretBytes()),
    ], handovers: [CachedHandover(identity: "ef56", content: SecretBytes("token and leases"))])

  private func keys(_ digits: Character...) -> CacheKeys {
    CacheKeys(
      digits.compactMap { $0.hexDigitValue }.map {
        CacheKeys.Key(bytes: SecretBytes(repeatElement(UInt8($0 * 17), count: 32)))
      })
  }

  @Test func whatIsSealedOpensAgain() throws {
    let keys = keys("1")
    #expect(try CachedGeneration(opening: generation.sealed(with: keys), with: keys) == generation)
    let none = CachedGeneration(executionID: "", values: [])
    #expect(try CachedGeneration(opening: none.sealed(with: keys), with: keys) == none)
  }

  @Test func twiceTheSameIsSealedDifferently() throws {
    let keys = keys("1")
    #expect(try generation.sealed(with: keys) != generation.sealed(with: keys))
  }

  /// Made by another AES-GCM: `cryptography` of PyPI.
  @Test func theFormatIsTheOneThatEarlierAgentsWrote() throws {
    let key = try #require(keys("1").all.first)
    let small = CachedGeneration(
      executionID: "e",
      values: [
        CachedValue(
          name: "A", identity: "i", version: "v", fetchedAtUnix: 1, expiresAtUnix: nil, payload: SecretBytes("x"))
      ], handovers: [CachedHandover(identity: "p", content: SecretBytes("h"))])
    let sealed = try small.sealed(with: key, nonce: Array(0..<12))
    #expect(sealed.withUnsafeBytes { SHA256.hexadecimal($0) } == Self.vector)
  }

  private static let vector =
    "53414341434845021cd41561713016230000000165000102030405060708090a0b13e3b6127ba335f555b8d39fc5c6f726c9a076681575522fa9e0befffd40632e77b249b44c0577af768f16fa84430ea30fd17874b8eed68f4ae254faf99c18c522d0841714b5"

  @Test func everyFlippedBitIsSeen() throws {
    let keys = keys("1")
    let sealed = try generation.sealed(with: keys).withUnsafeBytes { Array($0) }
    for place in sealed.indices {
      for bit in 0..<8 {
        var altered = sealed
        altered[place] ^= 1 << bit
        #expect(throws: CacheFault.self, "byte \(place), bit \(bit)") {
          try CachedGeneration(opening: SecretBytes(altered), with: keys)
        }
      }
    }
  }

  @Test func everyPrefixAndEveryAdditionIsSeen() throws {
    let keys = keys("1")
    let sealed = try generation.sealed(with: keys).withUnsafeBytes { Array($0) }
    for count in sealed.indices {
      #expect(throws: CacheFault.self) {
        try CachedGeneration(opening: SecretBytes(sealed.prefix(count)), with: keys)
      }
    }
    #expect(throws: CacheFault.self) { try CachedGeneration(opening: SecretBytes(sealed + [0]), with: keys) }
  }

  /// As of a node whose key an attacker has: sealed well, and not in the format.
  @Test(arguments: [
    [], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 1], [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe], [0, 0, 0, 0, 0],
    [0, 0, 0, 1] + [UInt8](repeating: 0, count: 27), [0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0, 0, 0, 0, 0, 0],
  ])
  func aTextThatIsNotInTheFormatIsRefused(_ text: [UInt8]) throws {
    let keys = keys("1")
    let key = try #require(keys.all.first)
    let head = SecretBytes(
      CachedGeneration.magic + [CachedGeneration.version] + key.name + [0, 0, 0, 1, UInt8(ascii: "e")])
    var file = SecretBuffer()
    file.append(head)
    file.append(try Seal.close(SecretBytes(text), with: key, binding: head))
    let bytes = file.finish()
    #expect(throws: CacheFault.self) { try CachedGeneration(opening: bytes, with: keys) }
  }

  @Test func anotherKeyIsSaid() throws {
    let sealed = try generation.sealed(with: keys("1"))
    let fault = #expect(throws: CacheFault.self) { try CachedGeneration(opening: sealed, with: keys("2")) }
    #expect(fault?.description.hasPrefix("sealed by a key that is not among those of the node; ") == true)
  }

  @Test func afterARotationBothKeysOpenAndTheNewOneSeals() throws {
    let (old, both) = (keys("1"), keys("2", "1"))
    #expect(try CachedGeneration(opening: generation.sealed(with: old), with: both) == generation)
    #expect(try CachedGeneration(opening: generation.sealed(with: both), with: keys("2")) == generation)
  }
}
