/// Finds values in one reading of a text: gets the bytes that a reading gives, each with the place in the text that it is of.
struct ValueMatcher {
  /// A place from which everything was a value's so far.
  private struct Beginning {
    /// In the text.
    let start: Int
    var candidates: Range<Int>
    var depth: Int
    /// So much of a value was there that it is masked, whatever follows.
    var isCertain: Bool { depth >= ValueMatcher.certain }
  }

  /// Bytes of a value's beginning that are no chance; a longer one is not held back.
  static let certain = 4096
  /// Places that are followed at once. A text that is so much of beginnings repeats itself, as the value does.
  private static let mostBeginnings = 64

  private let values: MaskedValues
  private var beginnings: [Beginning] = []
  /// The last four bytes, the newest the lowest, and where each begins in the text.
  private var recent: UInt32 = 0
  private var recentStarts: (Int, Int, Int, Int) = (0, 0, 0, 0)
  private var recentCount = 0
  /// The same without the line breaks that were last: what a value that was folded over lines goes on from. Behind four other bytes it is
  /// the same, and is not kept.
  private var joined: UInt32 = 0
  private var joinedStarts: (Int, Int, Int, Int) = (0, 0, 0, 0)
  private var joinedCount = 0
  private var sinceBreak = 4

  init(_ values: MaskedValues) {
    self.values = values
  }

  /// Nothing that came before goes on.
  mutating func reset() {
    beginnings.removeAll(keepingCapacity: true)
    recentCount = 0
    sinceBreak = 4
  }

  /// - Parameters:
  ///   - start: where the byte begins in the text.
  ///   - end: behind it.
  ///   - isBreak: it is of a line break, or the indentation behind one: it may be the value's own, or stand within one.
  mutating func take(
    _ byte: UInt8, from start: Int, to end: Int, _ found: inout [Range<Int>], isBreak: Bool = false
  ) {
    if !beginnings.isEmpty {
      follow(byte, end, &found, isBreak: isBreak)
    }
    if isBreak, sinceBreak == 4 {
      (joined, joinedStarts, joinedCount) = (recent, recentStarts, recentCount)
    }
    recent = recent << 8 | UInt32(byte)
    recentStarts = (recentStarts.1, recentStarts.2, recentStarts.3, start)
    if recentCount < 4 {
      recentCount += 1
    }
    if recentCount == 4, values.mayBegin(with: recent) {
      begin(recent, from: recentStarts.0, end, &found)
    }
    if isBreak {
      sinceBreak = 0
    } else if sinceBreak < 4 {
      join(byte, from: start, to: end, &found)
    }
  }

  private mutating func join(_ byte: UInt8, from start: Int, to end: Int, _ found: inout [Range<Int>]) {
    joined = joined << 8 | UInt32(byte)
    joinedStarts = (joinedStarts.1, joinedStarts.2, joinedStarts.3, start)
    if joinedCount < 4 {
      joinedCount += 1
    }
    sinceBreak += 1
    if sinceBreak < 4, joinedCount == 4, values.mayBegin(with: joined) {
      begin(joined, from: joinedStarts.0, end, &found)
    }
  }

  private mutating func begin(_ key: UInt32, from start: Int, _ end: Int, _ found: inout [Range<Int>]) {
    let candidates = values.beginning(with: key)
    guard !candidates.isEmpty else {
      return
    }
    if beginnings.count == Self.mostBeginnings {
      found.append(beginnings.removeFirst().start..<end)
    }
    let beginning = Beginning(start: start, candidates: candidates, depth: 4)
    if note(beginning, end, &found) {
      beginnings.append(beginning)
    }
  }

  private mutating func follow(_ byte: UInt8, _ end: Int, _ found: inout [Range<Int>], isBreak: Bool) {
    // Beyond a break each goes on as if it were not there, and with it.
    let folded = isBreak ? beginnings : []
    defer {
      if isBreak {
        beginnings = folded + beginnings.prefix(max(Self.mostBeginnings - folded.count, 0))
      }
    }
    var kept = 0
    for place in beginnings.indices {
      var beginning = beginnings[place]
      beginning.candidates = values.narrowed(beginning.candidates, at: beginning.depth, to: byte)
      guard !beginning.candidates.isEmpty else {
        continue
      }
      beginning.depth += 1
      if note(beginning, end, &found) {
        beginnings[kept] = beginning
        kept += 1
      }
    }
    beginnings.removeSubrange(kept...)
  }

  /// Masks what ends here.
  ///
  /// - Returns: whether a longer value may follow.
  private func note(_ beginning: Beginning, _ end: Int, _ found: inout [Range<Int>]) -> Bool {
    // Of those that agree so far the shortest stands first.
    let isWhole = values.patterns[beginning.candidates.lowerBound].bytes.count == beginning.depth
    if isWhole || beginning.isCertain {
      found.append(beginning.start..<end)
    }
    return !isWhole || beginning.candidates.count > 1
  }

  // MARK: - What may yet become a value

  /// Where the first of four bytes or more stands that a value begins with; `nil` where there are none.
  var firstBeginning: Int? { beginnings.lazy.filter { !$0.isCertain }.map(\.start).min() }

  /// The same for fewer bytes, and a last one of which the highest `bits` are known.
  func firstFragment(then part: UInt8 = 0, bits: Int = 0, from partStart: Int = 0) -> Int? {
    let plain = firstFragment(recent, recentStarts, recentCount, then: part, bits: bits, from: partStart)
    guard sinceBreak < 3 else {
      return plain
    }
    let folded = firstFragment(joined, joinedStarts, joinedCount, then: part, bits: bits, from: partStart)
    return [plain, folded].compactMap { $0 }.min()
  }

  private func firstFragment(
    _ recent: UInt32, _ recentStarts: (Int, Int, Int, Int), _ recentCount: Int, then part: UInt8, bits: Int,
    from partStart: Int
  ) -> Int? {
    let last: [UInt8] = [
      UInt8(truncatingIfNeeded: recent >> 16), UInt8(truncatingIfNeeded: recent >> 8),
      UInt8(truncatingIfNeeded: recent),
    ]
    let starts = [recentStarts.1, recentStarts.2, recentStarts.3]
    for count in (0...min(3, recentCount)).reversed() where count > 0 || bits > 0 {
      if values.begins(with: last.suffix(count), then: part, bits: bits) {
        return count > 0 ? starts[3 - count] : partStart
      }
    }
    return nil
  }
}
