import CLibYAML
import JSONReader
import SecretBytes

/// Builds the tree of the one document from libyaml's events. Keeps its own stack: no nesting can overflow the thread's.
struct YAMLComposer: ~Copyable {
  private let source: YAMLSource
  private let maximumDepth: Int
  private var nodes: ContiguousArray<YAMLTree.Node> = []
  private var text = SecretBuffer()
  private var open: ContiguousArray<Int> = []
  private var anchors: [String: Int] = [:]
  private var documents = 0

  init(source: YAMLSource, maximumDepth: Int) {
    self.source = source
    self.maximumDepth = maximumDepth
  }

  consuming func compose() throws(JSONFault) -> YAMLTree {
    let events = YAMLEvents(source)
    while try events.next({ event throws(JSONFault) in try take(event) }) {}
    if nodes.isEmpty {
      nodes.append(YAMLTree.Node(kind: .scalar(.resolved), character: 0, range: 0..<0))
    }
    return YAMLTree(nodes: nodes, text: text.finish())
  }

  /// False at the end of the stream.
  private mutating func take(_ event: yaml_event_t) throws(JSONFault) -> Bool {
    let character = Int(clamping: event.start_mark.index)
    switch event.type {
    case YAML_STREAM_END_EVENT:
      return false
    case YAML_DOCUMENT_START_EVENT:
      documents += 1
      if documents > 1 {
        throw source.fault(.syntax("a second YAML document starts here; only one is read"), character: character)
      }
    case YAML_SCALAR_EVENT:
      try takeScalar(event, character)
    case YAML_SEQUENCE_START_EVENT:
      let start = event.data.sequence_start
      try takeCollection(.sequence, tag: start.tag, anchor: start.anchor, character)
    case YAML_MAPPING_START_EVENT:
      let start = event.data.mapping_start
      try takeCollection(.mapping, tag: start.tag, anchor: start.anchor, character)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      if let index = open.popLast() {
        nodes[index].range = index..<nodes.count
      }
    case YAML_ALIAS_EVENT:
      try takeAlias(event.data.alias.anchor, character)
    default:
      break
    }
    return true
  }

  private mutating func takeScalar(_ event: yaml_event_t, _ character: Int) throws(JSONFault) {
    let scalar = event.data.scalar
    let type: YAMLTree.ScalarType
    if let tag = scalar.tag {
      guard let tagged = YAMLTag.scalarType(tag) else {
        throw source.fault(YAMLTag.unknown, character: character)
      }
      type = tagged
    } else {
      type = scalar.style == YAML_PLAIN_SCALAR_STYLE ? .resolved : .string
    }
    note(anchor: scalar.anchor)
    let start = text.count
    text.append(UnsafeRawBufferPointer(start: scalar.value, count: scalar.length))
    append(.scalar(type), character, start..<text.count)
  }

  private mutating func takeCollection(
    _ kind: YAMLTree.Node.Kind, tag: UnsafePointer<UInt8>?, anchor: UnsafePointer<UInt8>?, _ character: Int
  ) throws(JSONFault) {
    guard open.count < maximumDepth else {
      throw source.fault(.tooDeep(maximumDepth: maximumDepth), character: character)
    }
    if let tag, !YAMLTag.isCollection(tag, kind) {
      throw source.fault(YAMLTag.unknown, character: character)
    }
    note(anchor: anchor)
    open.append(nodes.count)
    append(kind, character, nodes.count..<nodes.count)
  }

  private mutating func takeAlias(_ anchor: UnsafePointer<UInt8>?, _ character: Int) throws(JSONFault) {
    guard let anchor, let target = anchors[String(cString: anchor)] else {
      throw source.fault(.syntax("the alias names no anchor that stands before it"), character: character)
    }
    if open.contains(target) {
      throw source.fault(.syntax("the alias stands inside what it names"), character: character)
    }
    append(.alias, character, target..<(target + 1))
  }

  /// The next node is what this anchor names from here on.
  private mutating func note(anchor: UnsafePointer<UInt8>?) {
    if let anchor {
      anchors[String(cString: anchor)] = nodes.count
    }
  }

  private mutating func append(_ kind: YAMLTree.Node.Kind, _ character: Int, _ range: Range<Int>) {
    nodes.append(YAMLTree.Node(kind: kind, character: UInt32(clamping: character), range: range))
  }
}
