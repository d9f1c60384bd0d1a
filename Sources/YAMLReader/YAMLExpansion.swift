import JSONReader
import SecretBytes

/// Writes a composed document as compact JSON, aliases and merges expanded, and notes for each token where it came from.
struct YAMLExpansion: ~Copyable {
  let nodes: ContiguousArray<YAMLTree.Node>
  let scalars: UnsafeRawBufferPointer
  let source: YAMLSource
  let maximumBytes: Int
  let maximumDepth: Int
  let maximumAliasBytes: Int
  let duplicateKeys: JSONLimits.DuplicateKeys
  /// What merging has cost so far, in about the bytes that it would write.
  var mergeCost = 0
  private var json = SecretBuffer()
  private var characters: ContiguousArray<UInt32> = []

  init(
    nodes: ContiguousArray<YAMLTree.Node>, scalars: UnsafeRawBufferPointer, source: YAMLSource, maximumBytes: Int,
    maximumDepth: Int, maximumAliasBytes: Int, duplicateKeys: JSONLimits.DuplicateKeys
  ) {
    self.nodes = nodes
    self.scalars = scalars
    self.source = source
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
    self.maximumAliasBytes = maximumAliasBytes
    self.duplicateKeys = duplicateKeys
  }

  consuming func finish() -> (json: SecretBytes, characters: ContiguousArray<UInt32>) {
    (json.finish(), characters)
  }

  /// Writes the node at `index`, inside `depth` collections.
  mutating func write(_ index: Int, depth: Int) throws(JSONFault) {
    let index = target(of: index)
    switch nodes[index].kind {
    case .scalar(let type): try writeScalar(index, type)
    case .sequence: try writeSequence(index, depth: depth)
    case .mapping: try writeMapping(index, depth: depth)
    case .alias: break
    }
    guard json.count <= maximumBytes else {
      throw fault(.tooLarge(maximumBytes: maximumBytes), index)
    }
  }

  private mutating func writeSequence(_ index: Int, depth: Int) throws(JSONFault) {
    try enter(index, depth)
    json.append("[" as StaticString)
    var child = index + 1
    while child < nodes[index].range.upperBound {
      if child > index + 1 {
        json.append("," as StaticString)
      }
      try write(child, depth: depth + 1)
      child = next(after: child)
    }
    json.append("]" as StaticString)
  }

  private mutating func writeMapping(_ index: Int, depth: Int) throws(JSONFault) {
    try enter(index, depth)
    json.append("{" as StaticString)
    let members = try members(of: index, depth: depth)
    for (number, member) in members.enumerated() {
      if number > 0 {
        json.append("," as StaticString)
      }
      let key = target(of: member.key)
      characters.append(nodes[member.key].character)
      JSONQuoting.append(text(key), to: &json)
      json.append(":" as StaticString)
      try write(member.value, depth: depth + 1)
    }
    json.append("}" as StaticString)
  }

  private mutating func enter(_ index: Int, _ depth: Int) throws(JSONFault) {
    guard depth < maximumDepth else {
      throw fault(.tooDeep(maximumDepth: maximumDepth), index)
    }
    characters.append(nodes[index].character)
    characters.append(nodes[index].character)
  }

  private mutating func writeScalar(_ index: Int, _ type: YAMLTree.ScalarType) throws(JSONFault) {
    characters.append(nodes[index].character)
    let text = text(index)
    if case .string = type {
      JSONQuoting.append(text, to: &json)
      return
    }
    let scalar = YAMLScalar(resolving: text)
    guard scalar.fits(type) else {
      throw fault(.syntax("the text is not what its tag says"), index)
    }
    switch scalar {
    case .null: json.append("null" as StaticString)
    case .boolean(let value): json.append(value ? "true" : "false" as StaticString)
    case .integer(let value): json.append(String(value))
    case .number(let number): number.append(text, to: &json)
    case .string: JSONQuoting.append(text, to: &json)
    case .unusable(let reason): throw fault(.syntax(reason), index)
    }
  }

  /// The node itself, or the one that it names.
  func target(of index: Int) -> Int {
    if case .alias = nodes[index].kind {
      return nodes[index].range.lowerBound
    }
    return index
  }

  func next(after index: Int) -> Int {
    switch nodes[index].kind {
    case .sequence, .mapping: nodes[index].range.upperBound
    case .scalar, .alias: index + 1
    }
  }

  func text(_ scalar: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: scalars[nodes[scalar].range])
  }

  func fault(_ reason: JSONFault.Reason, _ index: Int) -> JSONFault {
    source.fault(reason, character: Int(nodes[index].character))
  }
}

extension YAMLScalar {
  /// Whether a scalar of this kind may carry a tag.
  fileprivate func fits(_ type: YAMLTree.ScalarType) -> Bool {
    switch (type, self) {
    case (.resolved, _), (.null, .null), (.boolean, .boolean), (.integer, .integer), (.float, .number): true
    case (.integer, .number(let number)): number.isInteger
    case (.integer, .unusable), (.float, .unusable): true
    default: false
    }
  }
}
