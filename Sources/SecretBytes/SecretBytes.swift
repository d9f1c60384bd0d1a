import CLinux
import COpenSSL
import Glibc

/// Bytes that must not be seen: a secret's value, a token, a response body, a document.
///
/// It prints as `<redacted>` everywhere (description, debug description, mirror), is compared in constant time,
/// and is overwritten when its last holder drops it. Slices share storage, so cutting a value out of a response
/// copies nothing.
///
/// What this type cannot promise: a `String` made by ``unsafeString()`` is an ordinary string, libcurl and the kernel
/// hold what they send and receive while they do, and registers and stack are not cleared. docs/security.md lists
/// where copies remain.
public struct SecretBytes: Sendable {
  let storage: SecretStorage?
  let offset: Int
  /// Number of bytes.
  public let count: Int

  init(storage: SecretStorage?, offset: Int, count: Int) {
    self.storage = storage
    self.offset = offset
    self.count = count
  }

  /// No bytes.
  public init() {
    self.init(storage: nil, offset: 0, count: 0)
  }

  /// Copies `bytes` into secret memory.
  public init(copying bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else {
      self.init()
      return
    }
    let storage = SecretStorage(capacity: bytes.count)
    memcpy(storage.pointer, base, bytes.count)
    self.init(storage: storage, offset: 0, count: bytes.count)
  }

  public init(_ bytes: some Sequence<UInt8>) {
    var buffer = SecretBuffer()
    for byte in bytes {
      buffer.append(byte)
    }
    self = buffer.finish()
  }

  /// The UTF-8 bytes of `text`. The string itself is not wiped: for literals, and for what came as a `String` anyhow.
  public init(_ text: String) {
    var text = text
    self = text.withUTF8 { SecretBytes(copying: UnsafeRawBufferPointer($0)) }
  }

  /// Adopts `count` bytes at `pointer`, which came from `malloc` with room for `capacity` bytes; they are overwritten and
  /// freed when the last holder drops them.
  public init(adoptingMalloc pointer: UnsafeMutableRawPointer, count: Int, capacity: Int) {
    self.init(storage: SecretStorage(adopting: pointer, capacity: capacity), offset: 0, count: count)
  }

  public var isEmpty: Bool { count == 0 }

  /// The bytes, valid during `body` only. Never store the pointer, and never make a `String` or an array of it that outlives
  /// the call without need.
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    guard let storage else {
      return try body(UnsafeRawBufferPointer(start: nil, count: 0))
    }
    defer { extendLifetime(storage) }
    return try body(UnsafeRawBufferPointer(start: storage.pointer + offset, count: count))
  }

  /// The bytes from `range.lowerBound` up to `range.upperBound`, sharing this value's storage.
  /// The range is clamped to the value's bounds.
  public func slice(_ range: Range<Int>) -> SecretBytes {
    let clamped = range.clamped(to: 0..<count)
    return SecretBytes(storage: storage, offset: offset + clamped.lowerBound, count: clamped.count)
  }

  /// A copy in memory of its own, so that a small value does not keep a whole response alive.
  public func detached() -> SecretBytes {
    withUnsafeBytes { SecretBytes(copying: $0) }
  }

  /// True where the bytes are well-formed UTF-8 (RFC 3629).
  public var isValidUTF8: Bool {
    withUnsafeBytes { UTF8Check.isValid($0) }
  }

  /// The bytes as an ordinary, unwiped `String`, or `nil` where they are not UTF-8. For names, addresses and paths that came by way
  /// of a document; never for a secret's value.
  public func unsafeString() -> String? {
    withUnsafeBytes { bytes in
      UTF8Check.isValid(bytes) ? String(decoding: bytes, as: UTF8.self) : nil
    }
  }

  /// True where the bytes are exactly the UTF-8 of `text`; in constant time for equal lengths.
  public func equals(_ text: StaticString) -> Bool {
    guard text.utf8CodeUnitCount == count else {
      return false
    }
    return withUnsafeBytes { count == 0 || CRYPTO_memcmp($0.baseAddress, text.utf8Start, count) == 0 }
  }
}

extension SecretBytes: Equatable {
  /// In constant time for equal lengths.
  public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
    guard left.count == right.count else {
      return false
    }
    return left.withUnsafeBytes { a in
      right.withUnsafeBytes { b in a.count == 0 || CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0 }
    }
  }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "<redacted>" }
  public var debugDescription: String { "<redacted>" }
  public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension SecretBytes: Hashable {
  /// By the process's randomly seeded hasher: the hash tells nothing outside the process.
  public func hash(into hasher: inout Hasher) {
    withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}
