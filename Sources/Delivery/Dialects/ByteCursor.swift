import SecretBytes

/// Reads bytes one after another without ever leaving them; the pointer lives as long as the `withUnsafeBytes` around it.
struct ByteCursor {
  let bytes: UnsafeRawBufferPointer
  var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var isAtEnd: Bool { offset >= bytes.count }

  /// The byte `distance` ahead, without moving; `nil` beyond either end.
  func peek(_ distance: Int = 0) -> UInt8? {
    at(offset + distance)
  }

  func at(_ place: Int) -> UInt8? {
    place >= 0 && place < bytes.count ? bytes[place] : nil
  }

  mutating func next() -> UInt8? {
    guard let byte = peek() else {
      return nil
    }
    offset += 1
    return byte
  }

  /// Moves over `byte` if it is next.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard peek() == byte else {
      return false
    }
    offset += 1
    return true
  }

  mutating func skip(while belongs: (UInt8) -> Bool) {
    while let byte = peek(), belongs(byte) {
      offset += 1
    }
  }

  /// The bytes from `start` up to `end`, within bounds.
  func range(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
    let range = (start..<max(start, end)).clamped(to: 0..<bytes.count)
    return UnsafeRawBufferPointer(rebasing: bytes[range])
  }

  /// The bytes as a variable's name, or `nil` where they are none.
  func name(_ start: Int, _ end: Int) -> String? {
    let name = String(decoding: range(start, end).prefix(DeliveredSecret.longestName + 1), as: UTF8.self)
    return DeliveredSecret.isEnvironmentName(name) ? name : nil
  }

  /// Number of the line that the cursor is on, from 1.
  var line: Int {
    range(0, offset).reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
  }
}

extension SecretBytes {
  func contains(_ byte: UInt8) -> Bool {
    withUnsafeBytes { $0.contains(byte) }
  }
}

/// The variables of a file as they are read; a repeated name takes the last value.
struct ReadVariables {
  private var secrets: [DeliveredSecret] = []
  private var places: [String: Int] = [:]

  mutating func add(_ name: String, _ value: SecretBytes) {
    let secret = DeliveredSecret(name: name, value: value)
    if let place = places[name], secrets.indices.contains(place) {
      secrets[place] = secret
    } else {
      places[name] = secrets.count
      secrets.append(secret)
    }
  }

  func inFileOrder() -> [DeliveredSecret] { secrets }
}
