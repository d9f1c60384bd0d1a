import Glibc
import SecretBytes
import Synchronization

/// What is looked for: values, and the lines of those that have several. Sorted, so that all that begin in one way stand side by side;
/// the bytes are those of the values themselves, and no other form of them is kept.
public final class MaskedValues: Sendable {
  /// Values shorter than this are not looked for: they would take everything else away.
  public static let shortest = 4
  /// Of a line of a value; shorter ones (`}`, `"a":`) are every other text's as well.
  private static let shortestLine = 8

  struct Pattern: Sendable {
    let bytes: SecretBytes
    /// How many values it is of.
    var uses: Int
  }

  let patterns: [Pattern]
  /// Another one for each that is made.
  let serial: UInt64
  private let filter: PrefixFilter

  private static let serials = Atomic<UInt64>(0)

  /// Nothing.
  public convenience init() {
    self.init([])
  }

  public convenience init(_ values: some Sequence<SecretBytes>) {
    self.init(patterns: Self.sorted(values))
  }

  private init(patterns: [Pattern]) {
    self.patterns = patterns
    serial = Self.serials.add(1, ordering: .relaxed).newValue
    filter = PrefixFilter(patterns)
  }

  public var isEmpty: Bool { patterns.isEmpty }

  /// The same with `added`, and without `removed`, each of which is among them. It costs a search for each of those, and a copy where
  /// that is another set: a value that was fetched anew and is as it was changes nothing.
  func changed(adding added: [SecretBytes], removing removed: [SecretBytes]) -> MaskedValues {
    var inserted: [Pattern] = []
    var uses: [Int: Int] = [:]
    for pattern in Self.sorted(added) {
      if let place = place(of: pattern.bytes) {
        uses[place, default: 0] += pattern.uses
      } else {
        inserted.append(pattern)
      }
    }
    let new = MaskedValues(patterns: inserted)
    for pattern in Self.sorted(removed) {
      if let place = place(of: pattern.bytes) {
        uses[place, default: 0] -= pattern.uses
      } else if let place = new.place(of: pattern.bytes) {
        inserted[place].uses -= pattern.uses
      }
    }
    inserted.removeAll { $0.uses <= 0 }
    uses = uses.filter { $0.value != 0 }
    return inserted.isEmpty && uses.isEmpty ? self : MaskedValues(patterns: merged(inserted, uses))
  }

  private func place(of bytes: SecretBytes) -> Int? {
    let place = firstPlace(0..<patterns.count) { $0.order(bytes) >= 0 }
    return place < patterns.count && patterns[place].bytes.order(bytes) == 0 ? place : nil
  }

  /// - Parameter uses: how many more or fewer uses the patterns at these places have.
  private func merged(_ inserted: [Pattern], _ uses: [Int: Int]) -> [Pattern] {
    var kept = patterns
    for (place, more) in uses {
      kept[place].uses += more
    }
    let isRid = uses.keys.contains { kept[$0].uses <= 0 }
    guard isRid || !inserted.isEmpty else {
      return kept
    }
    var merged: [Pattern] = []
    merged.reserveCapacity(kept.count + inserted.count)
    var from = 0
    for pattern in inserted {
      let to = firstPlace(from..<patterns.count) { $0.order(pattern.bytes) > 0 }
      merged += kept[from..<to]
      merged.append(pattern)
      from = to
    }
    merged += kept[from...]
    return isRid ? merged.filter { $0.uses > 0 } : merged
  }

  // MARK: - What is looked for

  private static func sorted(_ values: some Sequence<SecretBytes>) -> [Pattern] {
    var all: [SecretBytes] = []
    for value in values where value.count >= shortest {
      all += forms(of: value)
    }
    all.sort { $0.order($1) < 0 }
    var patterns: [Pattern] = []
    for bytes in all {
      if let last = patterns.indices.last, patterns[last].bytes.order(bytes) == 0 {
        patterns[last].uses += 1
      } else {
        patterns.append(Pattern(bytes: bytes, uses: 1))
      }
    }
    return patterns
  }

  /// The value; without the line breaks at its end, which shells take away; and its lines, since they may be indented or numbered.
  private static func forms(of value: SecretBytes) -> [SecretBytes] {
    let ends = value.withUnsafeBytes { bytes in bytes.indices.filter { bytes[$0] == 0x0a } }
    guard !ends.isEmpty else {
      return [value]
    }
    var forms = [value]
    let text = value.withUnsafeBytes { bytes in bytes.lastIndex { $0 != 0x0a && $0 != 0x0d }.map { $0 + 1 } ?? 0 }
    if text >= shortest, text < value.count {
      forms.append(value.slice(0..<text))
    }
    var start = 0
    for end in ends + [value.count] {
      let isReturned = end > start && value.withUnsafeBytes { $0[end - 1] == 0x0d }
      let line = value.slice(start..<(isReturned ? end - 1 : end))
      // What PEM writes around a key is around every other, too.
      if line.count >= shortestLine, !line.withUnsafeBytes({ $0.starts(with: "-----".utf8) }) {
        forms.append(line)
      }
      start = end + 1
    }
    return forms
  }

  // MARK: - Looking

  /// Whether a value may begin with these four bytes, the first of them the highest; where not, none does.
  func mayBegin(with key: UInt32) -> Bool { filter.mayHold(key) }

  /// The values that begin with the four bytes.
  func beginning(with key: UInt32) -> Range<Int> {
    let low = firstPlace(0..<patterns.count) { $0.prefixKey >= key }
    return low..<firstPlace(low..<patterns.count) { $0.prefixKey > key }
  }

  /// Those of `range`, which all agree in their first `depth` bytes, that go on with `byte`.
  func narrowed(_ range: Range<Int>, at depth: Int, to byte: UInt8) -> Range<Int> {
    if range.count == 1 {
      let bytes = patterns[range.lowerBound].bytes
      let goesOn = depth < bytes.count && bytes.byte(at: depth) == byte
      return goesOn ? range : range.upperBound..<range.upperBound
    }
    let low = firstPlace(range) { depth < $0.count && $0.byte(at: depth) >= byte }
    return low..<firstPlace(low..<range.upperBound) { depth < $0.count && $0.byte(at: depth) > byte }
  }

  /// Whether a value begins with `bytes` and then with the highest `bits` bits of `part`.
  func begins(with bytes: some RandomAccessCollection<UInt8>, then part: UInt8 = 0, bits: Int = 0) -> Bool {
    var range = 0..<patterns.count
    for (depth, byte) in bytes.enumerated() {
      range = narrowed(range, at: depth, to: byte)
      guard !range.isEmpty else {
        return false
      }
    }
    guard bits > 0 else {
      return !range.isEmpty
    }
    let depth = bytes.count
    let mask = UInt8(truncatingIfNeeded: 0xff00 >> bits)
    let place = firstPlace(range) { depth < $0.count && $0.byte(at: depth) & mask >= part & mask }
    guard place < range.upperBound else {
      return false
    }
    return patterns[place].bytes.byte(at: depth) & mask == part & mask
  }

  /// The first place of `range` at which what holds from some place on does; its end where it never does.
  private func firstPlace(_ range: Range<Int>, _ holds: (SecretBytes) -> Bool) -> Int {
    var low = range.lowerBound
    var high = range.upperBound
    while low < high {
      let middle = low + (high - low) / 2
      if holds(patterns[middle].bytes) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }
}

extension SecretBytes {
  fileprivate func byte(at place: Int) -> UInt8 { withUnsafeBytes { $0[place] } }

  /// The first four bytes, the first of them the highest. Every pattern has as many.
  fileprivate var prefixKey: UInt32 {
    withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self)) }
  }

  /// Negative where it comes before `other`, byte by byte; 0 where they are the same. Its time tells how far they agree, to nobody
  /// but the process that holds both.
  fileprivate func order(_ other: SecretBytes) -> Int {
    withUnsafeBytes { one in
      other.withUnsafeBytes { two in
        guard let first = one.baseAddress, let second = two.baseAddress else {
          return one.count - two.count
        }
        let order = memcmp(first, second, min(one.count, two.count))
        return order != 0 ? Int(order) : one.count - two.count
      }
    }
  }
}

/// Says of four bytes that no value begins with them, for all but one of some sixty that none does; by hashes, so that no bytes of
/// values are in it.
private struct PrefixFilter: Sendable {
  private let bits: [UInt64]
  private let shift: UInt32

  init(_ patterns: [MaskedValues.Pattern]) {
    // Sixty-four bits a value, at least 1,024 and at most 16 million.
    let size = min(max(Int.bitWidth - patterns.count.leadingZeroBitCount + 6, 10), 24)
    shift = UInt32(32 - size)
    var bits = [UInt64](repeating: 0, count: (1 << size) / 64)
    for pattern in patterns {
      let place = Self.hash(pattern.bytes.prefixKey) >> shift
      bits[Int(place / 64)] |= 1 << UInt64(place % 64)
    }
    self.bits = bits
  }

  private static func hash(_ key: UInt32) -> UInt32 { key &* 0x9e37_79b1 }

  func mayHold(_ key: UInt32) -> Bool {
    let place = Self.hash(key) >> shift
    return bits[Int(place / 64)] & (1 << UInt64(place % 64)) != 0
  }
}
