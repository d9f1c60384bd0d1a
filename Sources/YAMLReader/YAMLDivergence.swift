import CLibYAML
import JSONReader

/// Refuses what libyaml takes, but YAML 1.2.2 reads as something else or not at all: whoever wrote it, or reads it by another
/// library, may mean otherwise. Held against the YAML test suite, of whose texts these are the ones:
///
/// - `?x` between brackets is a key's mark and `x` to libyaml; `&an:chor` ends at the colon, and so does `*alias:`;
/// - `-` alone between brackets, which is no text (§7.3.3); `#` right behind a token, which starts no comment (§6.6);
/// - a tab in the place of indentation (§6.1) between brackets and quotes, and before a block collection's parts;
/// - spaces alone on the last line, without a line break, behind a block;
/// - `%YAML 1.1`, which announces other numbers and booleans than are read here.
///
/// Left alone is what can only mean one thing: a bracket's or quote's further lines that are not indented at all.
struct YAMLDivergence: ~Copyable {
  private let source: YAMLSource
  /// Columns of the block collections that are open.
  private var indents: ContiguousArray<Int> = []
  /// Where each open bracket stands.
  private var brackets: ContiguousArray<Int> = []
  /// The byte behind the last token.
  private var end = 0
  private var endsInBlock = false

  init(_ source: YAMLSource) {
    self.source = source
  }

  /// - Throws: at the first such place. libyaml has taken `text`, which is the source but for tabs that became spaces.
  consuming func check(_ text: YAMLSource) throws(JSONFault) {
    var tokens = YAMLTokens(text)
    while try tokens.next({ token, place throws(JSONFault) in try take(token, place) }) {}
    if endsInBlock, let last = source.bytes.last, last == UInt8(ascii: " ") {
      let start = (source.bytes.lastIndex { isBreak($0) } ?? -1) + 1
      if source.bytes[start...].allSatisfy({ $0 == UInt8(ascii: " ") }) {
        throw source.fault(
          .syntax("spaces without a line break end the document, which readers of YAML take differently; remove them"),
          offset: start)
      }
    }
  }

  private mutating func take(_ token: yaml_token_t, _ place: Range<Int>) throws(JSONFault) {
    try checkComments(end..<max(end, place.lowerBound))
    end = max(end, place.upperBound)
    switch token.type {
    case YAML_BLOCK_END_TOKEN, YAML_STREAM_END_TOKEN: break
    default: endsInBlock = false
    }
    switch token.type {
    case YAML_BLOCK_SEQUENCE_START_TOKEN, YAML_BLOCK_MAPPING_START_TOKEN, YAML_BLOCK_ENTRY_TOKEN, YAML_KEY_TOKEN:
      if brackets.isEmpty {
        try checkIndentation(place.lowerBound)
      }
    default: break
    }
    switch token.type {
    case YAML_VERSION_DIRECTIVE_TOKEN:
      if token.data.version_directive.minor != 2 {
        throw source.fault(
          .syntax("only YAML 1.2 is read, to which yes is text and 0o17 octal; remove the line, or write %YAML 1.2"),
          offset: place.lowerBound)
      }
    case YAML_BLOCK_SEQUENCE_START_TOKEN, YAML_BLOCK_MAPPING_START_TOKEN:
      indents.append(Int(clamping: token.start_mark.column))
    case YAML_BLOCK_END_TOKEN:
      _ = indents.popLast()
    case YAML_FLOW_SEQUENCE_START_TOKEN, YAML_FLOW_MAPPING_START_TOKEN:
      brackets.append(place.lowerBound)
    case YAML_FLOW_SEQUENCE_END_TOKEN, YAML_FLOW_MAPPING_END_TOKEN:
      if let opening = brackets.popLast(), brackets.isEmpty {
        try checkTabs(opening..<place.upperBound)
      }
    case YAML_KEY_TOKEN where !place.isEmpty && !isSpace(at: place.upperBound):
      throw source.fault(
        .syntax("'?' right before text belongs to it in YAML 1.2, which is not read here; quote the text"),
        offset: place.lowerBound)
    case YAML_ANCHOR_TOKEN, YAML_ALIAS_TOKEN:
      try checkName(place)
    case YAML_SCALAR_TOKEN:
      try checkScalar(token.data.scalar.style, place)
    default:
      break
    }
  }

  private func checkName(_ place: Range<Int>) throws(JSONFault) {
    guard !isSpace(at: place.upperBound), !",[]{}".utf8.contains(source.bytes[place.upperBound]) else {
      return
    }
    throw source.fault(
      .syntax(
        "in YAML 1.2 the name of an anchor or alias goes on up to the next space; use letters, digits, '-' and '_', "
          + "and put a space before ':'"), offset: place.upperBound)
  }

  private mutating func checkScalar(_ style: yaml_scalar_style_t, _ place: Range<Int>) throws(JSONFault) {
    switch style {
    case YAML_PLAIN_SCALAR_STYLE:
      if !brackets.isEmpty, place.count == 1, source.bytes[place.lowerBound] == UInt8(ascii: "-") {
        throw source.fault(.syntax("'-' alone is no text between brackets; quote it"), offset: place.lowerBound)
      }
    case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE:
      endsInBlock = true
      let header = source.bytes[place].dropFirst().drop { "+-123456789".utf8.contains($0) }
      if header.first == UInt8(ascii: "#") {
        throw comment(at: header.startIndex)
      }
    default:
      if brackets.isEmpty {
        try checkTabs(place)
      }
    }
  }

  /// Between tokens stand white space and comments only.
  private func checkComments(_ gap: Range<Int>) throws(JSONFault) {
    var offset = gap.lowerBound
    while offset < gap.upperBound {
      if source.bytes[offset] == UInt8(ascii: "#") {
        guard offset == 0 || isSpace(at: offset - 1) else {
          throw comment(at: offset)
        }
        while offset < gap.upperBound, !isBreak(source.bytes[offset]) {
          offset += 1
        }
      }
      offset += 1
    }
  }

  private func comment(at offset: Int) -> JSONFault {
    source.fault(.syntax("a comment needs a space before its '#'"), offset: offset)
  }

  /// No tab stands before what belongs to a block collection, on its line.
  private func checkIndentation(_ start: Int) throws(JSONFault) {
    let space = source.bytes[..<start].reversed().prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    if let first = Array(space.reversed()).firstIndex(of: UInt8(ascii: "\t")) {
      throw source.fault(.syntax("a tab must not indent; use spaces"), offset: start - space.count + first)
    }
  }

  /// Each line but the first is indented by spaces deeper than the block around; blank lines aside.
  private func checkTabs(_ place: Range<Int>) throws(JSONFault) {
    guard let around = indents.last else {
      return
    }
    var offset = place.lowerBound
    while offset < place.upperBound {
      defer { offset += 1 }
      guard isBreak(source.bytes[offset]) else {
        continue
      }
      let line = source.bytes[(offset + 1)..<place.upperBound]
      let text = line.drop { $0 == UInt8(ascii: " ") }
      guard text.first == UInt8(ascii: "\t"), text.startIndex - line.startIndex <= around else {
        continue
      }
      if let first = text.first(where: { $0 != UInt8(ascii: "\t") && $0 != UInt8(ascii: " ") }), !isBreak(first) {
        throw source.fault(.syntax("a tab must not indent; use spaces"), offset: text.startIndex)
      }
    }
  }

  /// White space or a line's end, or the document's.
  private func isSpace(at offset: Int) -> Bool {
    guard offset < source.bytes.count else {
      return true
    }
    let byte = source.bytes[offset]
    return byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || isBreak(byte)
  }

  private func isBreak(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }
}
