import JSONReader
import SecretBytes

/// Reads YAML (libyaml) into the same tree as JSON.
///
/// - Plain scalars follow the YAML 1.2 core schema: `no`, `yes` and `on` are strings, `0x1f` and `0o17` are numbers, and so are
///   `.5` and `+1`, written as JSON has them and never re-formatted through a double.
/// - Faults where YAML would guess or JSON has no word for it: a number with a leading zero (octal to some, decimal to others),
///   `.inf` and `.nan`, hexadecimal and octal integers over 64 bits, a tag other than `!!str`, `!!int`, `!!float`, `!!bool`,
///   `!!null`, `!!seq`, `!!map` and `!`, a key that is a list or a mapping or is not there.
/// - Faults too where libyaml reads what YAML 1.2.2 reads otherwise: see ``YAMLDivergence``, and U+0085, U+2028 and U+2029 anywhere.
/// - Tabs separate, and never indent: see ``YAMLTabs``.
/// - A key is its text, whatever its type: `1: a` has the name `1`.
/// - `<<` merges a mapping or a list of mappings; what the mapping says itself wins, then the earlier in the list.
/// - Aliases are expanded within ``JSONLimits/maximumBytes`` and ``JSONLimits/maximumDepth`` (256 at most), and stand for 1 MiB in all
///   or four times the text, so that a small document cannot grow into a large one. What they stand for is counted while they are read.
/// - One document a stream; a stream without one is `null`.
/// - UTF-8 only, with or without a byte order mark.
///
/// JSON is a subset of YAML, but not quite of libyaml: the text is tried as JSON first.
public enum YAMLReader {
  /// Deepest nesting whatever the limits say: the expansion recurses.
  static let deepest = 256
  /// What aliases may stand for in any document: thousands of entries that merge the same defaults.
  private static let leastAliasBytes = 1 << 20

  static func tooMuchAliased(_ bytes: Int) -> JSONFault.Reason {
    .syntax("the aliases up to here stand for more than \(bytes) bytes; repeat less")
  }

  /// Positions, also of the values, are those of the YAML text.
  public static func parse(_ bytes: SecretBytes, limits: JSONLimits) throws(JSONFault) -> JSONValue {
    let source = bytes.withUnsafeBytes { $0.starts(with: [0xef, 0xbb, 0xbf]) } ? bytes.slice(3..<bytes.count) : bytes
    // Where it is not JSON, that shows at the first bytes of most YAML.
    if let value = try? JSONValue.parse(source, limits: limits) {
      return value
    }
    let generated = try generate(source, limits)
    return try JSONValue.parse(
      generated: generated.json, from: source, characters: generated.characters, limits: limits)
  }

  private static func generate(
    _ text: SecretBytes, _ limits: JSONLimits
  ) throws(JSONFault) -> (json: SecretBytes, characters: ContiguousArray<UInt32>) {
    try text.withUnsafeBytes { bytes throws(JSONFault) in
      let written = YAMLSource(bytes: bytes)
      try check(written, limits)
      // What libyaml reads has as many characters as what was written, so that places are those of both.
      return try YAMLTabs.separated(text).withUnsafeBytes { readable throws(JSONFault) in
        let source = YAMLSource(bytes: readable)
        let composer = YAMLComposer(
          source: source, maximumDepth: min(limits.maximumDepth, deepest),
          maximumAliasBytes: aliasBytes(of: source, limits))
        let tree = try composer.compose()
        try YAMLDivergence(written).check(source)
        return try expanded(tree, source, limits)
      }
    }
  }

  private static func check(_ source: YAMLSource, _ limits: JSONLimits) throws(JSONFault) {
    guard source.bytes.count <= limits.effectiveBytes else {
      throw source.fault(.tooLarge(maximumBytes: limits.effectiveBytes), offset: limits.effectiveBytes)
    }
    try source.checkEncoding()
    try source.checkCharacters()
    try source.checkDirectives()
  }

  private static func aliasBytes(of source: YAMLSource, _ limits: JSONLimits) -> Int {
    min(limits.effectiveBytes, max(leastAliasBytes, 4 * source.bytes.count))
  }

  private static func expanded(
    _ tree: YAMLTree, _ source: YAMLSource, _ limits: JSONLimits
  ) throws(JSONFault) -> (json: SecretBytes, characters: ContiguousArray<UInt32>) {
    try tree.text.withUnsafeBytes { scalars throws(JSONFault) in
      var expansion = YAMLExpansion(
        nodes: tree.nodes, scalars: scalars, source: source, maximumBytes: limits.effectiveBytes,
        maximumDepth: min(limits.maximumDepth, deepest), maximumAliasBytes: aliasBytes(of: source, limits),
        duplicateKeys: limits.duplicateKeys)
      try expansion.write(0, depth: 0)
      return expansion.finish()
    }
  }
}
