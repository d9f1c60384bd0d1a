import CLibYAML
import Glibc
import JSONReader

/// libyaml's scanner: tokens in the order of the text, whose places are told in bytes.
struct YAMLTokens: ~Copyable {
  let source: YAMLSource
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let isReady: Bool
  /// A character and its byte: libyaml counts characters, and goes forward only.
  private var character = 0
  private var offset = 0

  init(_ source: YAMLSource) {
    self.source = source
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    isReady = yaml_parser_initialize(parser) == 1
    if isReady {
      yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      let none: StaticString = ""
      let start = source.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? none.utf8Start
      yaml_parser_set_input_string(parser, start, source.bytes.count)
    }
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Where and in what libyaml stopped.
  struct Stop {
    let offset: Int
    /// Column of the innermost block collection; -1 outside of all.
    let indent: Int
    let isPlainScalar: Bool
    let isBlockScalar: Bool
  }

  /// Of the scanner's fault, where it had one.
  var stop: Stop? {
    let state = parser.pointee
    guard state.error == YAML_SCANNER_ERROR, let context = state.context else {
      return nil
    }
    return Stop(
      offset: SourcePosition.offset(ofCharacter: Int(clamping: state.problem_mark.index), in: source.bytes),
      indent: Int(state.indent), isPlainScalar: strcmp(context, "while scanning a plain scalar") == 0,
      isBlockScalar: strcmp(context, "while scanning a block scalar") == 0)
  }

  /// The next token and the bytes that it takes up; what it points to is valid during `body` only. False at the stream's end.
  mutating func next(_ body: (yaml_token_t, Range<Int>) throws(JSONFault) -> Void) throws(JSONFault) -> Bool {
    var token = yaml_token_t()
    guard isReady, yaml_parser_scan(parser, &token) == 1 else {
      throw source.fault(.syntax("the document is not YAML"), offset: 0)
    }
    defer { yaml_token_delete(&token) }
    let start = byte(of: token.start_mark)
    try body(token, start..<max(start, byte(of: token.end_mark)))
    return token.type != YAML_STREAM_END_TOKEN && token.type != YAML_NO_TOKEN
  }

  private mutating func byte(of mark: yaml_mark_t) -> Int {
    let wanted = Int(clamping: mark.index)
    if wanted < character {
      character = 0
      offset = 0
    }
    while character < wanted, offset < source.bytes.count {
      repeat {
        offset += 1
      } while offset < source.bytes.count && source.bytes[offset] & 0xc0 == 0x80
      character += 1
    }
    return offset
  }
}
