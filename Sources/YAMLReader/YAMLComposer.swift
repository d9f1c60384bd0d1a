import CLibYAML
import JSONReader
import SecretBytes

/// Builds the tree of the one document from libyaml's events. Keeps its own stack: no nesting can overflow the thread's.
struct YAMLComposer: ~Copyable {
  private let source: YAMLSource
  private let maximumDepth: Int
  private let maximumAliasBytes: Int
  /// What has been read so far has about so many bytes as JSON, aliases expanded.
  private var expanded = 0
  /// The same of each node that has an anchor; `nil` while it is open.
  private var sizes: [Int: Int?] = [:]
  /// The same of what all aliases so far stand for.
  private var aliased = 0
  private var nodes: ContiguousArray<YAMLTree.Node> = []
  private var text = SecretBuffer()
  private var open: ContiguousArray<(node: Int, expandedBefore: Int)> = []
  private var anchors: [String: Int] = [:]
  private var documents = 0

  /// - Parameter maximumAliasBytes: of what all aliases stand for.
  init(source: YAMLSource, maximumDepth: Int, maximumAliasBytes: Int) {
    self.source = source
    self.maximumDepth = maximumDepth
    self.maximumAliasBytes = maximumAliasBytes
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
      if let (index, before) = open.popLast() {
        nodes[index].range = index..<nodes.count
        noteSize(of: index, since: before)
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
    expanded += scalar.length + 3
    noteSize(of: nodes.count - 1, since: expanded - scalar.length - 3)
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
    open.append((nodes.count, expanded))
    expanded += 3
    append(kind, character, nodes.count..<nodes.count)
  }

  private mutating func takeAlias(_ anchor: UnsafePointer<UInt8>?, _ character: Int) throws(JSONFault) {
    guard let anchor, let target = anchors[String(cString: anchor)] else {
      throw source.fault(.syntax("the alias names no anchor that stands before it"), character: character)
    }
    guard let size = sizes[target] ?? nil else {
      throw source.fault(.syntax("the alias stands inside what it names"), character: character)
    }
    // No sum of them overflows: each is of what was let through before.
    (expanded, aliased) = (expanded + size, aliased + size)
    guard aliased <= maximumAliasBytes else {
      throw source.fault(YAMLReader.tooMuchAliased(maximumAliasBytes), character: character)
    }
    append(.alias, character, target..<(target + 1))
  }

  /// The next node is what this anchor names from here on.
  private mutating func note(anchor: UnsafePointer<UInt8>?) {
    if let anchor {
      anchors[String(cString: anchor)] = nodes.count
      sizes.updateValue(nil, forKey: nodes.count)
    }
  }

  private mutating func noteSize(of node: Int, since before: Int) {
    if sizes.keys.contains(node) {
      sizes[node] = expanded - before
    }
  }

  private mutating func append(_ kind: YAMLTree.Node.Kind, _ character: Int, _ range: Range<Int>) {
    nodes.append(YAMLTree.Node(kind: kind, character: UInt32(clamping: character), range: range))
  }
}
