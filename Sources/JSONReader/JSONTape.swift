import SecretBytes

/// One token: where it lies and, for arrays and objects, where the next sibling is.
///
/// A scalar is one word: kind, first byte, byte after the last. An array or object is two: kind, first byte, index of the word
/// after its whole subtree; then the byte after its closing bracket and the number of members or elements. An object's
/// members follow it as name, value, name, value.
struct JSONWord {
  enum Kind: UInt8 {
    case object
    case array
    /// A string without escapes: its text is a slice of the source.
    case string
    case escapedString
    /// An escaped string with half of a surrogate pair: it has no text.
    case brokenString
    case number
    case isTrue
    case isFalse
    case null
  }

  /// 30 bits. Words are fewer than bytes, so an index fits too.
  static let largestOffset = (1 << 30) - 1

  private let raw: UInt64

  init(_ kind: Kind, _ first: Int, _ second: Int) {
    raw =
      UInt64(kind.rawValue) << 60 | (UInt64(truncatingIfNeeded: first) & 0x3fff_ffff) << 30
      | (UInt64(truncatingIfNeeded: second) & 0x3fff_ffff)
  }

  var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: raw >> 60)) ?? .null }
  var first: Int { Int(truncatingIfNeeded: raw >> 30 & 0x3fff_ffff) }
  var second: Int { Int(truncatingIfNeeded: raw & 0x3fff_ffff) }
  var isContainer: Bool { raw >> 60 < 2 }
}

/// A validated document: its bytes and its tokens. Immutable, shared by all views of it.
final class JSONTape: Sendable {
  /// Where a token stands in the text that a person wrote.
  enum Origin: Sendable {
    /// The tape's own bytes are that text.
    case own
    /// The bytes were generated from `source`; word by word, the number of the character there.
    case generated(source: SecretBytes, characters: ContiguousArray<UInt32>)
  }

  let bytes: SecretBytes
  let words: ContiguousArray<JSONWord>
  let origin: Origin

  init(bytes: SecretBytes, words: ContiguousArray<JSONWord>, origin: Origin) {
    self.bytes = bytes
    self.words = words
    self.origin = origin
  }

  /// Index of the word after the token at `index` and all that is in it.
  func next(after index: Int) -> Int {
    let word = words[index]
    return word.isContainer ? word.second : index + 1
  }

  /// The bytes of the token, with brackets or quotes.
  func range(of index: Int) -> Range<Int> {
    let word = words[index]
    return word.first..<(word.isContainer ? words[index + 1].first : word.second)
  }

  /// The value of the last member of the object at `object` whose decoded name is `wanted`.
  func value(named wanted: UnsafeRawBufferPointer, in object: Int) -> Int? {
    bytes.withUnsafeBytes { text in
      let end = words[object].second
      var found: Int?
      var name = object + 2
      while name < end {
        let word = words[name]
        let inside = UnsafeRawBufferPointer(rebasing: text[(word.first + 1)..<(word.second - 1)])
        if word.kind == .brokenString {
          // No name that anybody can ask for.
        } else if word.kind == .escapedString {
          if JSONEscapes.decode(inside).withUnsafeBytes({ $0.equals(wanted) }) {
            found = name + 1
          }
        } else if inside.equals(wanted) {
          found = name + 1
        }
        name = next(after: name + 1)
      }
      return found
    }
  }

  func position(of index: Int) -> SourcePosition {
    origin.position(word: index, offset: words[index].first, bytes: bytes)
  }
}

extension JSONTape.Origin {
  func position(word: Int, offset: Int, bytes: SecretBytes) -> SourcePosition {
    switch self {
    case .own:
      bytes.withUnsafeBytes { SourcePosition(offset: offset, in: $0) }
    case .generated(let source, let characters):
      source.withUnsafeBytes { text in
        let character = word < characters.count ? Int(characters[word]) : 0
        return SourcePosition(offset: SourcePosition.offset(ofCharacter: character, in: text), in: text)
      }
    }
  }
}
