import SecretBytes

/// Takes secrets' values out of what a command wrote: as they are, as lines of theirs, and in base64 at whatever place they stand in it.
struct OutputRedaction {
  private struct Pattern {
    let bytes: SecretBytes
    /// Line breaks within are passed over, as base64(1) makes them, and the rest of the last group is taken along.
    let isBase64: Bool
  }

  /// Values shorter than this are not looked for: they would take everything else away.
  static let shortestValue = 4
  /// Lines of a value that has several; shorter ones (`}`, `"a":`) are every other text's as well.
  private static let shortestLine = 8

  private var patterns: [Pattern] = []
  /// Places in ``patterns``, by their first four bytes.
  private var places: [UInt32: [Int]] = [:]
  private var known: Set<SecretBytes> = []

  init(hiding values: [SecretBytes]) {
    for value in values where value.count >= Self.shortestValue {
      add(value, isBase64: false)
      addLines(of: value)
      addBase64(of: value)
    }
    known = []
  }

  /// `text` with every value replaced by `<redacted>`.
  /// - Parameter isCut: something followed that is not at hand: then a value's beginning at the end is replaced too.
  func redact(_ text: SecretBytes, isCut: Bool) -> [UInt8] {
    text.withUnsafeBytes { text in
      var result: [UInt8] = []
      var coveredUntil = 0
      for start in 0..<text.count {
        if let end = end(of: text, from: start, isCut: isCut), end > coveredUntil {
          if start >= coveredUntil {
            result += "<redacted>".utf8
          }
          coveredUntil = end
        }
        if start >= coveredUntil {
          result.append(text[start])
        }
      }
      return result
    }
  }

  // MARK: - Patterns

  private mutating func add(_ bytes: SecretBytes, isBase64: Bool) {
    guard let key = bytes.withUnsafeBytes({ Self.key($0, at: 0) }), known.insert(bytes).inserted else {
      return
    }
    places[key, default: []].append(patterns.count)
    patterns.append(Pattern(bytes: bytes, isBase64: isBase64))
  }

  private mutating func addLines(of value: SecretBytes) {
    let ends = value.withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == 0x0a } }
    guard !ends.isEmpty else {
      return
    }
    var start = 0
    for end in ends + [value.count] {
      let isReturned = end > start && value.withUnsafeBytes { $0[end - 1] == 0x0d }
      let line = value.slice(start..<(isReturned ? end - 1 : end))
      if line.count >= Self.shortestLine {
        add(line, isBase64: false)
      }
      start = end + 1
    }
  }

  /// Base64 takes three bytes at a time, so a value within a longer text has three forms; each without the groups that it shares.
  private mutating func addBase64(of value: SecretBytes) {
    for skipped in 0..<3 {
      let whole = max(value.count - skipped, 0) / 3 * 3
      guard whole >= (skipped == 0 ? 3 : 6) else {
        continue
      }
      for alphabet in [Base64.Alphabet.standard, .url] {
        add(Base64.encode(value.slice(skipped..<skipped + whole), alphabet), isBase64: true)
      }
    }
  }

  // MARK: - Matches

  private static func key(_ bytes: UnsafeRawBufferPointer, at place: Int) -> UInt32? {
    guard bytes.count - place >= 4 else {
      return nil
    }
    return bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
  }

  /// The end of the longest value that begins at `start`.
  private func end(of text: UnsafeRawBufferPointer, from start: Int, isCut: Bool) -> Int? {
    let candidates: [Int]
    if let key = Self.key(text, at: start) {
      candidates = places[key] ?? []
    } else {
      candidates = isCut ? Array(patterns.indices) : []
    }
    var longest: Int?
    for candidate in candidates {
      let pattern = patterns[candidate]
      let end = pattern.bytes.withUnsafeBytes {
        Self.match($0, in: text, from: start, skippingBreaks: pattern.isBase64, isCut: isCut)
      }
      if let end {
        longest = max(longest ?? 0, pattern.isBase64 ? Self.endOfGroup(text, end) : end)
      }
    }
    return longest
  }

  private static func match(
    _ pattern: UnsafeRawBufferPointer, in text: UnsafeRawBufferPointer, from start: Int, skippingBreaks: Bool,
    isCut: Bool
  ) -> Int? {
    var place = start
    for byte in pattern {
      while skippingBreaks, place < text.count, text[place] == 0x0a || text[place] == 0x0d {
        place += 1
      }
      guard place < text.count else {
        return isCut ? place : nil
      }
      guard text[place] == byte else {
        return nil
      }
      place += 1
    }
    return place
  }

  /// Behind a match in base64: the last bytes of a value that is no multiple of three, with their padding.
  private static func endOfGroup(_ text: UnsafeRawBufferPointer, _ end: Int) -> Int {
    var end = end
    for _ in 0..<4 {
      guard end < text.count, isBase64(text[end]) else {
        break
      }
      end += 1
    }
    return end
  }

  private static func isBase64(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"),
      UInt8(ascii: "_"), UInt8(ascii: "="):
      true
    default: false
    }
  }
}
