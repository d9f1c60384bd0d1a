import SecretBytes

/// Takes numbers and runs off a text, as far as they are there.
struct RunReader {
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
  mutating func optionalRun() -> SecretBytes?? {
    guard let count = number(UInt32.self) else {
      return nil
    }
    return count == .max ? .some(nil) : take(Int(count)).map { .some($0) }
  }

  mutating func string() -> String? { run()?.unsafeString() }

  /// `.some(nil)`: there is none.
  private mutating func optionalString() -> String?? {
    guard let run = optionalRun() else {
      return nil
    }
    guard let run else {
      return .some(nil)
    }
    return run.unsafeString().map { .some($0) }
  }

  mutating func value() -> CachedValue? {
    guard let name = string(), let identity = string(), let version = optionalString(),
      let fetched = number(Int64.self), let expires = number(Int64.self), let payload = run()
    else {
      return nil
    }
    return CachedValue(
      name: name, identity: identity, version: version, fetchedAtUnix: fetched,
      expiresAtUnix: expires == .min ? nil : expires, payload: payload.detached())
  }

  mutating func take(_ count: Int) -> SecretBytes? {
    guard source.count - place >= count else {
      return nil
    }
    defer { place += count }
    return source.slice(place..<(place + count))
  }
}

extension SecretBuffer {
  mutating func appendNumber(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { append($0) }
  }

  /// Its length alone, and that the largest, says that there is none.
  mutating func appendRun(ifAny text: String?) {
    if let text {
      appendRun(SecretBytes(text))
    } else {
      appendNumber(UInt32.max)
    }
  }

  mutating func appendRun(_ bytes: SecretBytes) {
    appendNumber(UInt32(clamping: bytes.count))
    append(bytes)
  }
}
