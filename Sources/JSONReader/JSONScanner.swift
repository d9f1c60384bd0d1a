import SecretBytes

/// The one pass over a document: checks all of it against RFC 8259 and writes the tape. Open arrays and objects are kept on a stack
/// of its own, so that no nesting can overflow the thread's.
struct JSONScanner {
  private struct Level {
    let isObject: Bool
    /// Index of the container's first word.
    let word: Int
    var count = 0
  }

  let bytes: UnsafeRawBufferPointer
  var offset = 0
  var words: ContiguousArray<JSONWord> = []
  let limits: JSONLimits
  private let duplicatePosition: (_ word: Int, _ offset: Int) -> SourcePosition
  private var levels: ContiguousArray<Level> = []

  /// `duplicatePosition` tells where the name at a word stands: the one fault that generated text can have.
  init(
    _ bytes: UnsafeRawBufferPointer, limits: JSONLimits,
    duplicatePosition: @escaping (_ word: Int, _ offset: Int) -> SourcePosition
  ) {
    self.bytes = bytes
    self.limits = limits
    self.duplicatePosition = duplicatePosition
  }

  mutating func scan() throws(JSONFault) -> ContiguousArray<JSONWord> {
    guard bytes.count <= limits.effectiveBytes else {
      throw fault(.tooLarge(maximumBytes: limits.effectiveBytes), at: limits.effectiveBytes)
    }
    if bytes.count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf {
      throw fault(.byteOrderMark, at: 0)
    }
    skipWhiteSpace()
    if offset == bytes.count {
      throw fault(.empty, at: offset)
    }
    words.reserveCapacity(bytes.count / 16 + 4)
    repeat {
      try scanValue()
    } while try anotherValueFollows()
    skipWhiteSpace()
    if offset < bytes.count {
      throw unexpected(.end)
    }
    return words
  }

  /// A scalar, or the opening of an array or object up to where its first value starts.
  private mutating func scanValue() throws(JSONFault) {
    guard offset < bytes.count else {
      throw unexpected(.value)
    }
    switch bytes[offset] {
    case UInt8(ascii: "\""): try scanString()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber()
    case UInt8(ascii: "{"): try open(isObject: true)
    case UInt8(ascii: "["): try open(isObject: false)
    case UInt8(ascii: "t"): try scanLiteral("true", .isTrue)
    case UInt8(ascii: "f"): try scanLiteral("false", .isFalse)
    case UInt8(ascii: "n"): try scanLiteral("null", .null)
    default: throw unexpected(.value)
    }
  }

  private mutating func open(isObject: Bool) throws(JSONFault) {
    guard levels.count < limits.maximumDepth else {
      throw fault(.tooDeep(maximumDepth: limits.maximumDepth), at: offset)
    }
    levels.append(Level(isObject: isObject, word: words.count))
    let kind: JSONWord.Kind = isObject ? .object : .array
    words.append(JSONWord(kind, offset, 0))
    words.append(JSONWord(kind, 0, 0))
    offset += 1
  }

  /// After a value or an opening bracket: closes what ends here, and stops before the next value. False at the end of the
  /// outermost value.
  private mutating func anotherValueFollows() throws(JSONFault) -> Bool {
    while let level = levels.last {
      skipWhiteSpace()
      let isFirst = level.count == 0
      let closing = UInt8(ascii: level.isObject ? "}" : "]")
      guard offset < bytes.count else {
        throw unexpected(isFirst ? (level.isObject ? .name : .value) : separator(level))
      }
      if bytes[offset] == closing {
        try close(level)
        continue
      }
      if !isFirst {
        guard bytes[offset] == UInt8(ascii: ",") else {
          throw unexpected(separator(level))
        }
        let comma = offset
        offset += 1
        skipWhiteSpace()
        if offset < bytes.count, bytes[offset] == closing {
          throw fault(.trailingComma, at: comma)
        }
      }
      levels[levels.count - 1].count += 1
      if level.isObject {
        try scanName()
      }
      return true
    }
    return false
  }

  private func separator(_ level: Level) -> JSONFault.Expected {
    level.isObject ? .commaOrBrace : .commaOrBracket
  }

  private mutating func scanName() throws(JSONFault) {
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
      throw unexpected(.name)
    }
    try scanString()
    skipWhiteSpace()
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: ":") else {
      throw unexpected(.colon)
    }
    offset += 1
    skipWhiteSpace()
  }

  private mutating func close(_ level: Level) throws(JSONFault) {
    offset += 1
    levels.removeLast()
    let kind: JSONWord.Kind = level.isObject ? .object : .array
    words[level.word] = JSONWord(kind, words[level.word].first, words.count)
    words[level.word + 1] = JSONWord(kind, offset, level.count)
    if level.isObject, limits.duplicateKeys == .rejected {
      let names = JSONNames(bytes: bytes, words: words, object: level.word)
      if let duplicate = names.firstDuplicate() {
        let position = duplicatePosition(duplicate, words[duplicate].first)
        throw JSONFault(reason: .duplicateName, position: position)
      }
    }
  }

  @inline(__always)
  mutating func skipWhiteSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x0a, 0x0d, 0x09: offset += 1
      default: return
      }
    }
  }

  /// The fault for what stands at `offset` instead of `expected`.
  func unexpected(_ expected: JSONFault.Expected) -> JSONFault {
    guard offset < bytes.count else {
      return fault(.endsBefore(expected), at: bytes.count)
    }
    let next = offset + 1 < bytes.count ? bytes[offset + 1] : 0
    switch bytes[offset] {
    case UInt8(ascii: "#"):
      return fault(.comment, at: offset)
    case UInt8(ascii: "/") where next == UInt8(ascii: "/") || next == UInt8(ascii: "*"):
      return fault(.comment, at: offset)
    case 0x80... where UTF8Check.sequenceLength(bytes, at: offset) == nil:
      return fault(.invalidUTF8, at: offset)
    default:
      return fault(.expected(expected), at: offset)
    }
  }

  func fault(_ reason: JSONFault.Reason, at offset: Int) -> JSONFault {
    JSONFault(reason: reason, position: SourcePosition(offset: offset, in: bytes))
  }
}
