import Glibc

/// A growing run of secret bytes. Growth moves the bytes and overwrites the place that they leave.
public struct SecretBuffer: ~Copyable {
  private var storage: SecretStorage?
  /// Number of bytes written so far.
  public private(set) var count = 0

  public init() {}

  public init(capacity: Int) {
    if capacity > 0 {
      storage = SecretStorage(capacity: capacity)
    }
  }

  public mutating func append(_ byte: UInt8) {
    let place = reserve(1)
    place.storeBytes(of: byte, as: UInt8.self)
    count += 1
  }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else {
      return
    }
    memcpy(reserve(bytes.count), base, bytes.count)
    count += bytes.count
  }

  public mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  public mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  public mutating func append(_ bytes: SecretBytes) {
    bytes.withUnsafeBytes { append($0) }
  }

  /// The bytes written, without another copy.
  public consuming func finish() -> SecretBytes {
    SecretBytes(storage: storage, offset: 0, count: count)
  }

  /// Lets `body` write into free room behind the bytes; it returns how many it wrote, or a negative number.
  public mutating func fill(atMost count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
    let room = room(for: count)
    let written = body(room)
    self.count += min(max(written, 0), room.count)
    return written
  }

  /// The room left in the storage where there is some, else `count` bytes of new room.
  private mutating func room(for count: Int) -> UnsafeMutableRawBufferPointer {
    if let storage, storage.capacity > self.count {
      return UnsafeMutableRawBufferPointer(
        start: storage.pointer + self.count, count: min(count, storage.capacity - self.count))
    }
    return UnsafeMutableRawBufferPointer(start: reserve(count), count: count)
  }

  private mutating func reserve(_ extra: Int) -> UnsafeMutableRawPointer {
    let needed = count + extra
    if let storage, storage.capacity >= needed {
      return storage.pointer + count
    }
    let grown = SecretStorage(capacity: max(needed, 2 * (storage?.capacity ?? 16)))
    if let storage {
      memcpy(grown.pointer, storage.pointer, count)
    }
    storage = grown
    return grown.pointer + count
  }
}
