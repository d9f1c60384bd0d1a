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

/// The values of one execution, and their form in a file.
///
/// | bytes | |
/// | --- | --- |
/// | 7 | `SACACHE` |
/// | 1 | version of the format, 1 |
/// | 8 | name of the key |
/// | 4 + … | the execution's id |
/// | 12 | nonce |
/// | … | AES-256-GCM of the text; associated data: everything before the nonce |
/// | 16 | tag |
///
/// The text: the number of values, then of each its name, identity, version, times and payload. Numbers are big-endian, what has
/// no fixed length begins with it in four bytes; `0xffffffff` there, or the smallest number in the place of a time, is none.
public struct CachedGeneration: Sendable, Equatable {
  static let magic = Array("SACACHE".utf8)
  static let version: UInt8 = 1
  private static let none = UInt32.max

  public let executionID: String
  public let values: [CachedValue]

  public init(executionID: String, values: [CachedValue]) {
    self.executionID = executionID
    self.values = values
  }

  // MARK: - Sealing

  public func sealed(with keys: CacheKeys) throws(CacheFault) -> SecretBytes {
    guard let key = keys.all.first else {
      throw CacheFault("there is no key")
    }
    return try sealed(with: key, nonce: nil)
  }

  func sealed(with key: CacheKeys.Key, nonce: [UInt8]?) throws(CacheFault) -> SecretBytes {
    var head = SecretBuffer()
    head.append(SecretBytes(Self.magic + [Self.version] + key.name))
    head.appendRun(SecretBytes(executionID))
    let bound = head.finish()
    let closed = try Seal.close(text, with: key, binding: bound, nonce: nonce)
    var file = SecretBuffer(capacity: bound.count + closed.count)
    file.append(bound)
    file.append(closed)
    return file.finish()
  }

  private var text: SecretBytes {
    var text = SecretBuffer()
    text.appendNumber(UInt32(clamping: values.count))
    for value in values {
      text.appendRun(SecretBytes(value.name))
      text.appendRun(SecretBytes(value.identity))
      if let version = value.version {
        text.appendRun(SecretBytes(version))
      } else {
        text.appendNumber(Self.none)
      }
      text.appendNumber(value.fetchedAtUnix)
      text.appendNumber(value.expiresAtUnix ?? .min)
      text.appendRun(value.payload)
    }
    return text.finish()
  }

  // MARK: - Opening

  /// - Throws: what is wrong: no cache file, another version, an unknown key, altered or cut off.
  public init(opening file: SecretBytes, with keys: CacheKeys) throws(CacheFault) {
    var reader = RunReader(file)
    guard let magic = reader.take(Self.magic.count), magic == SecretBytes(Self.magic) else {
      throw CacheFault("not a file of the cache")
    }
    guard let version = reader.number(UInt8.self), version == Self.version else {
      throw CacheFault("of another version of the format; this agent reads \(Self.version)")
    }
    guard let name = reader.take(CacheKeys.Key.nameSize), let id = reader.string() else {
      throw CacheFault("cut off")
    }
    guard let key = keys.all.first(where: { SecretBytes($0.name) == name }) else {
      throw CacheFault("sealed by a key that is not among those of the node")
    }
    let head = file.slice(0..<reader.place)
    guard let text = Seal.open(file.slice(reader.place..<file.count), with: key, binding: head) else {
      throw CacheFault("altered or cut off")
    }
    guard let values = Self.values(text) else {
      throw CacheFault("sealed by this node, and not in the format of version \(version)")
    }
    self.init(executionID: id, values: values)
  }

  private static func values(_ text: SecretBytes) -> [CachedValue]? {
    var reader = RunReader(text)
    guard let count = reader.number(UInt32.self) else {
      return nil
    }
    var values: [CachedValue] = []
    for _ in 0..<count {
      guard let name = reader.string(), let identity = reader.string(), let version = reader.optionalRun(none: none),
        let fetched = reader.number(Int64.self), let expires = reader.number(Int64.self), let payload = reader.run()
      else {
        return nil
      }
      values.append(
        CachedValue(
          name: name, identity: identity, version: version.flatMap { $0.unsafeString() }, fetchedAtUnix: fetched,
          expiresAtUnix: expires == .min ? nil : expires, payload: payload.detached()))
    }
    return reader.isAtEnd ? values : nil
  }
}

/// Takes numbers and runs off a text, as far as they are there.
private struct RunReader {
  private let source: SecretBytes
  private(set) var place = 0

  init(_ source: SecretBytes) {
    self.source = source
  }

  var isAtEnd: Bool { place == source.count }

  mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    let size = Number.bitWidth / 8
    guard source.count - place >= size else {
      return nil
    }
    defer { place += size }
    return source.withUnsafeBytes { Number(bigEndian: $0.loadUnaligned(fromByteOffset: place, as: Number.self)) }
  }

  mutating func run() -> SecretBytes? {
    guard let count = number(UInt32.self) else {
      return nil
    }
    return take(Int(count))
  }

  /// `.some(nil)`: there is none.
  mutating func optionalRun(none: UInt32) -> SecretBytes?? {
    guard let count = number(UInt32.self) else {
      return nil
    }
    return count == none ? .some(nil) : take(Int(count)).map { .some($0) }
  }

  mutating func string() -> String? { run()?.unsafeString() }

  mutating func take(_ count: Int) -> SecretBytes? {
    guard source.count - place >= count else {
      return nil
    }
    defer { place += count }
    return source.slice(place..<(place + count))
  }
}

extension SecretBuffer {
  fileprivate mutating func appendNumber(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { append($0) }
  }

  fileprivate mutating func appendRun(_ bytes: SecretBytes) {
    appendNumber(UInt32(clamping: bytes.count))
    append(bytes)
  }
}
