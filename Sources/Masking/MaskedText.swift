import SecretBytes

/// A text that comes in pieces, with every value in it replaced by ``marker``: as it is, in base64, percent-encoded, and escaped as in
/// JSON, also where lines were broken in the midst of one.
///
/// Whatever may be the beginning of a value is held back until it is decided; at most ``ValueMatcher/certain`` bytes of a value, in
/// the longest form that they may have. Held text is in secret memory.
public struct MaskedText {
  /// What stands in the place of a value.
  public static let marker = "<redacted>"

  private var plain: ValueMatcher
  private var percent: PercentReading
  private var form: PercentReading
  private var json: JSONReading
  private var base64: Base64Reading
  private let isEmpty: Bool

  /// Whether a line break, and nothing but white space, was last.
  private var isAtLineStart = false
  /// Bytes of the text so far, and how many of them were given out.
  private var end = 0
  private var givenOut = 0
  /// Those between.
  private var held = SecretBytes()
  /// Up to where the last marker reaches.
  private var maskedUntil = 0
  /// Values behind what was given out, in the order in which they were found.
  private var found: [Range<Int>] = []

  /// Bytes that are held back at present.
  public var heldCount: Int { held.count }

  public init(hiding values: MaskedValues) {
    plain = ValueMatcher(values)
    percent = PercentReading(values, isForm: false)
    form = PercentReading(values, isForm: true)
    json = JSONReading(values)
    base64 = Base64Reading(values)
    isEmpty = values.isEmpty
  }

  /// Takes the next piece.
  ///
  /// - Returns: what is decided by now.
  public mutating func take(_ piece: SecretBytes) -> SecretBytes {
    guard !isEmpty else {
      return piece
    }
    piece.withUnsafeBytes { read($0) }
    append(piece)
    return giveOut(upTo: min(firstBeginning ?? end, firstFragment ?? end))
  }

  /// Nothing came for a while, and somebody may be waiting for what is held: gives out what is less than four bytes of a value. Where
  /// the rest follows after all, it is masked.
  public mutating func pause() -> SecretBytes {
    giveOut(upTo: firstBeginning ?? end)
  }

  /// The text has ended.
  ///
  /// - Parameter isCut: something followed that is not at hand: then a value's beginning at the end is replaced, too.
  public mutating func finish(isCut: Bool = false) -> SecretBytes {
    if isCut, let start = [firstBeginning, firstFragment].compactMap({ $0 }).min(), start < end {
      found.append(start..<end)
    }
    return giveOut(upTo: end)
  }

  /// A whole text at once.
  public static func masking(_ text: SecretBytes, hiding values: MaskedValues, isCut: Bool = false) -> SecretBytes {
    guard !values.isEmpty else {
      return text
    }
    var masked = MaskedText(hiding: values)
    var result = SecretBuffer(capacity: text.count)
    result.append(masked.take(text))
    result.append(masked.finish(isCut: isCut))
    return result.finish()
  }

  // MARK: - Reading

  private mutating func read(_ bytes: UnsafeRawBufferPointer) {
    var place = end
    for byte in bytes {
      let isEnd = byte == 0x0a || byte == 0x0d
      let isBreak = isEnd || (isAtLineStart && (byte == 0x20 || byte == 0x09))
      isAtLineStart = isBreak
      plain.take(byte, from: place, to: place + 1, &found, isBreak: isBreak)
      percent.take(byte, at: place, &found, isBreak: isBreak)
      form.take(byte, at: place, &found, isBreak: isBreak)
      json.take(byte, at: place, &found, isBreak: isBreak)
      base64.take(byte, at: place, &found)
      place += 1
    }
    end = place
  }

  private var firstBeginning: Int? {
    [
      plain.firstBeginning, percent.firstBeginning, form.firstBeginning, json.firstBeginning, base64.firstBeginning,
    ].compactMap { $0 }.min()
  }

  private var firstFragment: Int? {
    [
      plain.firstFragment(), percent.firstFragment, form.firstFragment, json.firstFragment, base64.firstFragment,
    ].compactMap { $0 }.min()
  }

  // MARK: - Giving out

  private mutating func append(_ piece: SecretBytes) {
    guard !held.isEmpty else {
      held = piece
      return
    }
    var both = SecretBuffer(capacity: held.count + piece.count)
    both.append(held)
    both.append(piece)
    held = both.finish()
  }

  private mutating func giveOut(upTo limit: Int) -> SecretBytes {
    guard limit > givenOut else {
      return SecretBytes()
    }
    let base = givenOut
    var result = SecretBuffer(capacity: limit - base)
    found.sort { $0.lowerBound < $1.lowerBound }
    var place = max(base, min(maskedUntil, limit))
    for range in found.prefix(while: { $0.lowerBound < limit }) where range.upperBound > max(maskedUntil, base) {
      if range.lowerBound >= maskedUntil {
        result.append(held.slice(place - base..<max(range.lowerBound - base, place - base)))
        result.append(Self.marker)
      }
      maskedUntil = range.upperBound
      place = min(maskedUntil, limit)
    }
    result.append(held.slice(place - base..<limit - base))
    found.removeAll { $0.lowerBound < limit }
    // A copy of its own, so that no little rest keeps a large piece.
    held = held.slice(limit - base..<held.count).detached()
    givenOut = limit
    return result.finish()
  }
}
