import SecretBytes

@testable import SealedCache

/// A file of the sealed cache, opened with a key that is known here alone.
struct CacheFileTarget: FuzzTarget {
  static let name = "CacheFile"

  /// That of the test vector.
  private let key = CacheKeys.Key(bytes: SecretBytes(repeatElement(0x11, count: CacheKeys.Key.size)))

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let generation: CachedGeneration
    do throws(CacheFault) {
      generation = try CachedGeneration(opening: input, with: CacheKeys([key]))
    } catch {
      try hold(!error.description.isEmpty, "a refusal says why")
      return false
    }
    // Nobody else seals by this key, so what opens is what this format writes.
    let again = try? CachedGeneration(opening: generation.sealed(with: CacheKeys([key])), with: CacheKeys([key]))
    try hold(again == generation, "what was opened can be sealed again")
    return true
  }
}

/// What lies behind the seal.
struct CacheTextTarget: FuzzTarget {
  static let name = "CacheText"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let generation = CachedGeneration(executionID: "shop", text: input) else {
      return false
    }
    let text = generation.text
    try hold(text.count <= input.count, "nothing is made up")
    try hold(CachedGeneration(executionID: "shop", text: text) == generation, "it reads back as it is written")
    return true
  }
}

/// The file of the cache's keys.
struct CacheKeyTarget: FuzzTarget {
  static let name = "CacheKey"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let file = try? CacheKeyFile(parsing: input, from: "cache.key") else {
      return false
    }
    let keys = file.entries.compactMap { entry in if case .plain(let key) = entry { key } else { nil } }
    try hold(!file.entries.isEmpty, "there is a key")
    try hold(keys.allSatisfy { $0.bytes.count == CacheKeys.Key.size }, "a key is 32 bytes")
    return true
  }
}
