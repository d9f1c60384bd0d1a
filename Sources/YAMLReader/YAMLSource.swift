import JSONReader
import SecretBytes

/// The YAML text, and faults at its places. libyaml counts places in characters.
struct YAMLSource {
  let bytes: UnsafeRawBufferPointer

  func fault(_ reason: JSONFault.Reason, offset: Int) -> JSONFault {
    JSONFault(reason: reason, position: SourcePosition(offset: offset, in: bytes))
  }

  func fault(_ reason: JSONFault.Reason, character: Int) -> JSONFault {
    fault(reason, offset: SourcePosition.offset(ofCharacter: character, in: bytes))
  }

  func position(character: Int) -> SourcePosition {
    SourcePosition(offset: SourcePosition.offset(ofCharacter: character, in: bytes), in: bytes)
  }

  /// libyaml checks UTF-8 too, but would also take UTF-16, whose places it could not tell.
  func checkEncoding() throws(JSONFault) {
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) {
      throw fault(.syntax("the document is UTF-16; save it as UTF-8"), offset: 0)
    }
    if let invalid = UTF8Check.firstInvalid(bytes) {
      throw fault(.invalidUTF8, offset: invalid)
    }
  }

  /// U+0085, U+2028 and U+2029 end a line to libyaml, as in YAML 1.1, and are text in YAML 1.2 (§5.4): what stands behind one may be
  /// a value's text or the next key. U+FEFF within a document is no text in YAML 1.2 (§5.2) and some to libyaml.
  func checkCharacters() throws(JSONFault) {
    for index in 0..<bytes.count where bytes[index] >= 0xc2 {
      let second = index + 1 < bytes.count ? bytes[index + 1] : 0
      let third = index + 2 < bytes.count ? bytes[index + 2] : 0
      switch (bytes[index], second, third) {
      case (0xc2, 0x85, _), (0xe2, 0x80, 0xa8...0xa9):
        throw fault(
          .syntax(
            "U+0085, U+2028 and U+2029 end a line to some readers of YAML only; write \\N, \\L or \\P in double quotes"),
          offset: index)
      case (0xef, 0xbb, 0xbf):
        throw fault(.syntax("a byte order mark within the document; write \\ufeff in double quotes"), offset: index)
      default:
        continue
      }
    }
  }

  /// libyaml compares each `%TAG` directive with all before it: a megabyte of them takes it 16 seconds. Nobody needs more than one.
  func checkDirectives() throws(JSONFault) {
    var count = 0
    for index in 0..<bytes.count where bytes[index] == UInt8(ascii: "%") && startsLine(index) {
      count += 1
      if count > Self.mostDirectives {
        throw fault(.syntax("more than \(Self.mostDirectives) directives ('%' at the start of a line)"), offset: index)
      }
    }
  }

  private static let mostDirectives = 64

  /// True after each of YAML 1.1's line breaks (CR, LF, and the last byte of NEL, LS and PS), and now and then elsewhere.
  private func startsLine(_ index: Int) -> Bool {
    guard index > 0 else {
      return true
    }
    switch bytes[index - 1] {
    case 0x0a, 0x0d, 0x85, 0xa8, 0xa9: return true
    default: return false
    }
  }
}
