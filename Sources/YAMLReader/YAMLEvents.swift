import CLibYAML
import JSONReader

/// libyaml's parser over text that outlives it.
struct YAMLEvents: ~Copyable {
  private let source: YAMLSource
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let isReady: Bool

  init(_ source: YAMLSource) {
    self.source = source
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    isReady = yaml_parser_initialize(parser) == 1
    if isReady {
      yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      // libyaml asserts that there is an address, also of no bytes.
      let none: StaticString = ""
      let start = source.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? none.utf8Start
      yaml_parser_set_input_string(parser, start, source.bytes.count)
    }
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Reads the next event; what it points to is valid during `body` only.
  func next<R>(_ body: (yaml_event_t) throws(JSONFault) -> R) throws(JSONFault) -> R {
    guard isReady else {
      throw source.fault(.syntax("out of memory"), offset: 0)
    }
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else {
      throw fault()
    }
    defer { yaml_event_delete(&event) }
    return try body(event)
  }

  private func fault() -> JSONFault {
    let state = parser.pointee
    // These strings are constants of libyaml; none quotes the document.
    let problem = state.problem.map { String(cString: $0) } ?? "the document is not YAML"
    if state.error == YAML_READER_ERROR {
      return source.fault(.syntax(problem), offset: Int(clamping: state.problem_offset))
    }
    let character = Int(clamping: state.problem_mark.index)
    let offset = SourcePosition.offset(ofCharacter: character, in: source.bytes)
    if offset < source.bytes.count, source.bytes[offset] == UInt8(ascii: "\t") {
      let isBlockScalar = state.context.map { String(cString: $0) } == "while scanning a block scalar"
      let wayOut = isBlockScalar ? ", or say behind the '|' how far the text is indented, as |2" : ""
      return source.fault(.syntax("a tab must not indent; use spaces\(wayOut)"), offset: offset)
    }
    guard let context = state.context.map({ String(cString: $0) }) else {
      return source.fault(.syntax(problem), offset: offset)
    }
    let start = source.position(character: Int(clamping: state.context_mark.index))
    return source.fault(.syntax("\(problem), \(context) that starts at \(start)"), offset: offset)
  }
}
