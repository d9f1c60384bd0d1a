import SecretBytes

/// One value as it was last read, and what it is a value of.
public struct CachedValue: Sendable, Equatable {
  /// The entry's name in the document.
  public let name: String
  /// Digest of the provider's block and the entry's: what is asked for, and of whom. Another document's value is never taken for it.
  public let identity: String
  /// The store's own name of the version.
  public let version: String?
  public let fetchedAtUnix: Int64
  /// When the value itself ends; `nil`: not by time.
  public let expiresAtUnix: Int64?
  public let payload: SecretBytes

  public init(
    name: String, identity: String, version: String?, fetchedAtUnix: Int64, expiresAtUnix: Int64?, payload: SecretBytes
  ) {
    self.name = name
    self.identity = identity
    self.version = version
    self.fetchedAtUnix = fetchedAtUnix
    self.expiresAtUnix = expiresAtUnix
    self.payload = payload
  }
}

/// What a connection of an earlier process left: the token that the agent made, and the leases that hang on it, in the adapter's form.
public struct CachedHandover: Sendable, Equatable {
  /// Digest of the provider's block.
  public let identity: String
  public let content: SecretBytes

  public init(identity: String, content: SecretBytes) {
    self.identity = identity
    self.content = content
  }
}

/// The values of one execution, and their form in a file.
///
/// | bytes | |
/// | --- | --- |
/// | 7 | `SACACHE` |
/// | 1 | version of the format, 2 |
/// | 8 | name of the key |
/// | 4 + … | the execution's id |
/// | 12 | nonce |
/// | … | AES-256-GCM of the text; associated data: everything before the nonce |
/// | 16 | tag |
///
/// The text: the number of values, then of each its name, identity, version, times and payload; then the number of handovers, and of
/// each its identity and content. Numbers are big-endian, what has no fixed length begins with it in four bytes; `0xffffffff` there, or
/// the smallest number in the place of a time, is none.
public struct CachedGeneration: Sendable, Equatable {
  static let magic = Array("SACACHE".utf8)
  static let version: UInt8 = 2

  /// For a file that cannot be used.
  private static let remedy = "the next delivery seals it anew, and `secrets-agent cache purge` removes it"

  public let executionID: String
  public let values: [CachedValue]
  public let handovers: [CachedHandover]

  public init(executionID: String, values: [CachedValue], handovers: [CachedHandover] = []) {
    self.executionID = executionID
    self.values = values
    self.handovers = handovers
  }

  /// The value that was kept for an entry of this name, if it is one for the same words.
  public func value(of name: String, _ identity: String?) -> CachedValue? {
    values.first { $0.name == name && $0.identity == identity }
  }

  /// What every file that `key` sealed begins with.
  static func lead(of key: CacheKeys.Key?) -> [UInt8] { magic + [version] + (key?.name ?? []) }

  // MARK: - Sealing

  public func sealed(with keys: CacheKeys) throws(CacheFault) -> SecretBytes {
    guard let key = keys.all.first else {
      throw CacheFault("there is no key")
    }
    return try sealed(with: key, nonce: nil)
  }

  func sealed(with key: CacheKeys.Key, nonce: [UInt8]?) throws(CacheFault) -> SecretBytes {
    var head = SecretBuffer()
    head.append(SecretBytes(Self.lead(of: key)))
    head.appendRun(SecretBytes(executionID))
    let bound = head.finish()
    let closed = try Seal.close(text, with: key, binding: bound, nonce: nonce)
    var file = SecretBuffer(capacity: bound.count + closed.count)
    file.append(bound)
    file.append(closed)
    return file.finish()
  }

  /// What is sealed.
  var text: SecretBytes {
    var text = SecretBuffer()
    text.appendNumber(UInt32(clamping: values.count))
    for value in values {
      text.appendRun(SecretBytes(value.name))
      text.appendRun(SecretBytes(value.identity))
      text.appendRun(ifAny: value.version)
      text.appendNumber(value.fetchedAtUnix)
      text.appendNumber(value.expiresAtUnix ?? .min)
      text.appendRun(value.payload)
    }
    text.appendNumber(UInt32(clamping: handovers.count))
    for handover in handovers {
      text.appendRun(SecretBytes(handover.identity))
      text.appendRun(handover.content)
    }
    return text.finish()
  }

  // MARK: - Opening

  /// - Throws: what is wrong: no cache file, another version, an unknown key, altered or cut off.
  public init(opening file: SecretBytes, with keys: CacheKeys) throws(CacheFault) {
    var reader = RunReader(file)
    guard let magic = reader.take(Self.magic.count), magic == SecretBytes(Self.magic) else {
      throw CacheFault("not a file of the cache; \(Self.remedy)")
    }
    guard let version = reader.number(UInt8.self), version == Self.version else {
      throw CacheFault("of another version of the format, while this agent reads \(Self.version); \(Self.remedy)")
    }
    guard let name = reader.take(CacheKeys.Key.nameSize), let id = reader.string() else {
      throw CacheFault("cut off; \(Self.remedy)")
    }
    guard let key = keys.all.first(where: { SecretBytes($0.name) == name }) else {
      throw CacheFault(
        "sealed by a key that is not among those of the node; put that key back into the key file, or: \(Self.remedy)")
    }
    let head = file.slice(0..<reader.place)
    guard let text = Seal.open(file.slice(reader.place..<file.count), with: key, binding: head) else {
      throw CacheFault("altered or cut off; \(Self.remedy)")
    }
    guard let generation = Self(executionID: id, text: text) else {
      throw CacheFault("sealed by this node, and not in the format of version \(version); \(Self.remedy)")
    }
    self = generation
  }

  /// Reads what was sealed; `nil` where it is not of the format.
  init?(executionID: String, text: SecretBytes) {
    var reader = RunReader(text)
    guard let count = reader.number(UInt32.self) else {
      return nil
    }
    var values: [CachedValue] = []
    for _ in 0..<count {
      guard let value = reader.value() else {
        return nil
      }
      values.append(value)
    }
    guard let count = reader.number(UInt32.self) else {
      return nil
    }
    var handovers: [CachedHandover] = []
    for _ in 0..<count {
      guard let identity = reader.string(), let content = reader.run() else {
        return nil
      }
      handovers.append(CachedHandover(identity: identity, content: content.detached()))
    }
    guard reader.isAtEnd else {
      return nil
    }
    self.init(executionID: executionID, values: values, handovers: handovers)
  }
}
