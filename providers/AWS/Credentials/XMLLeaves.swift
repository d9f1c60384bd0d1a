import SecretBytes

/// The texts of an XML document by where they stand: all that the answers of AWS's query protocol need.
///
/// Deliberately not a whole XML reader: no DTD, no entities but the five of XML itself, no comments, no CDATA, no processing
/// instructions but the declaration; namespaces and attributes are passed over. What is not of this shape is refused.
struct XMLLeaves: Sendable {
  struct Fault: Error, Equatable {
    let message: String
  }

  /// Longest document, in bytes.
  static let maximumBytes = 256 * 1024
  static let maximumDepth = 16
  static let maximumElements = 1000

  /// Names of the elements from the root on, without prefixes' meaning, and the text of the innermost.
  struct Leaf: Sendable {
    let path: [String]
    let text: SecretBytes
  }

  let leaves: [Leaf]

  init(_ bytes: SecretBytes) throws(Fault) {
    guard bytes.count <= Self.maximumBytes else {
      throw Fault(message: "the document is too large")
    }
    guard bytes.isValidUTF8 else {
      throw Fault(message: "the document is not UTF-8")
    }
    var reader = XMLReader(bytes)
    self.leaves = try reader.document()
  }

  /// The text of the one element at `path` below the root, whatever the root and `*` are called.
  func leaf(_ path: String...) -> SecretBytes? {
    let found = leaves.filter { leaf in
      leaf.path.count == path.count + 1
        && zip(leaf.path.dropFirst(), path).allSatisfy { $0 == $1 || $1 == "*" }
    }
    return found.count == 1 ? found.first?.text : nil
  }
}

private struct XMLReader {
  private let bytes: SecretBytes
  private var offset = 0
  private var open: [String] = []
  /// Whether the innermost open element has had children.
  private var hasChildren: [Bool] = []
  private var leaves: [XMLLeaves.Leaf] = []
  private var elements = 0

  init(_ bytes: SecretBytes) {
    self.bytes = bytes
  }

  private func fault(_ message: String) -> XMLLeaves.Fault {
    XMLLeaves.Fault(message: "\(message) at byte \(offset)")
  }

  private func byte(_ ahead: Int = 0) -> UInt8? {
    let index = offset + ahead
    return bytes.withUnsafeBytes { index < $0.count ? $0[index] : nil }
  }

  private func follows(_ text: StaticString) -> Bool {
    bytes.slice(offset..<offset + text.utf8CodeUnitCount).equals(text)
  }

  /// Where the next `wanted` is, from here on.
  private func next(_ wanted: Unicode.Scalar) -> Int? {
    bytes.withUnsafeBytes { text in text[offset...].firstIndex { UInt32($0) == wanted.value } }
  }

  private mutating func skipSpace() {
    while let byte = byte(), byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
      offset += 1
    }
  }

  mutating func document() throws(XMLLeaves.Fault) -> [XMLLeaves.Leaf] {
    if follows("<?xml ") {
      guard let end = next(">") else {
        throw fault("the declaration does not end")
      }
      offset = end + 1
    }
    skipSpace()
    guard byte() == UInt8(ascii: "<") else {
      throw fault("no element")
    }
    try startTag()
    while !open.isEmpty {
      try content()
    }
    skipSpace()
    guard offset == bytes.count else {
      throw fault("something follows the root element")
    }
    return leaves
  }

  /// Text up to the next tag, and that tag.
  private mutating func content() throws(XMLLeaves.Fault) {
    let start = offset
    guard let tag = next("<") else {
      throw fault("an element does not end")
    }
    let raw = bytes.slice(start..<tag)
    offset = tag
    if byte(1) == UInt8(ascii: "/") {
      try endTag(text: raw)
      return
    }
    guard raw.trimmed.isEmpty else {
      throw fault("text beside elements")
    }
    try startTag()
  }

  private mutating func startTag() throws(XMLLeaves.Fault) {
    offset += 1
    let name = try name()
    elements += 1
    guard elements <= XMLLeaves.maximumElements, open.count < XMLLeaves.maximumDepth else {
      throw fault("too many elements")
    }
    if !hasChildren.isEmpty {
      hasChildren[hasChildren.count - 1] = true
    }
    try attributes()
    open.append(name)
    hasChildren.append(false)
    if follows("/>") {
      offset += 2
      try close(text: SecretBytes())
      return
    }
    guard byte() == UInt8(ascii: ">") else {
      throw fault("a tag does not end")
    }
    offset += 1
  }

  private mutating func attributes() throws(XMLLeaves.Fault) {
    while true {
      let start = offset
      skipSpace()
      guard let first = byte(), first != UInt8(ascii: ">"), first != UInt8(ascii: "/") else {
        return
      }
      guard offset > start else {
        throw fault("an attribute without space before it")
      }
      _ = try name()
      guard byte() == UInt8(ascii: "="), let quote = byte(1), quote == 0x22 || quote == 0x27 else {
        throw fault("an attribute without a value")
      }
      offset += 2
      guard let end = next(quote == 0x22 ? "\"" : "'") else {
        throw fault("an attribute does not end")
      }
      offset = end + 1
    }
  }

  private mutating func endTag(text raw: SecretBytes) throws(XMLLeaves.Fault) {
    offset += 2
    let name = try name()
    skipSpace()
    guard name == open.last, byte() == UInt8(ascii: ">") else {
      throw fault("an end tag that fits no start")
    }
    offset += 1
    if hasChildren.last == true {
      guard raw.trimmed.isEmpty else {
        throw fault("text beside elements")
      }
      open.removeLast()
      hasChildren.removeLast()
      return
    }
    try close(text: raw)
  }

  private mutating func close(text raw: SecretBytes) throws(XMLLeaves.Fault) {
    leaves.append(XMLLeaves.Leaf(path: open, text: try decoded(raw)))
    open.removeLast()
    hasChildren.removeLast()
  }

  private mutating func name() throws(XMLLeaves.Fault) -> String {
    let start = offset
    while let byte = byte(), Self.isNameByte(byte, isFirst: offset == start), offset - start < 128 {
      offset += 1
    }
    guard offset > start, let name = bytes.slice(start..<offset).unsafeString() else {
      throw fault("a name is missing")
    }
    return name
  }

  private static func isNameByte(_ byte: UInt8, isFirst: Bool) -> Bool {
    switch byte {
    case 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), 0x80...: true
    case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"): !isFirst
    default: false
    }
  }

  // MARK: - Text

  private func decoded(_ raw: SecretBytes) throws(XMLLeaves.Fault) -> SecretBytes {
    guard raw.withUnsafeBytes({ $0.contains(UInt8(ascii: "&")) }) else {
      return raw.detached()
    }
    var text = SecretBuffer(capacity: raw.count)
    var start = 0
    while start < raw.count {
      let rest = raw.slice(start..<raw.count)
      let mark = rest.withUnsafeBytes { $0.firstIndex(of: UInt8(ascii: "&")) } ?? rest.count
      text.append(rest.slice(0..<mark))
      start += mark
      guard start < raw.count else {
        break
      }
      let reference = raw.slice(start..<min(start + 12, raw.count))
      guard
        let end = reference.withUnsafeBytes({ $0.firstIndex(of: UInt8(ascii: ";")) }),
        let scalar = reference.slice(1..<max(end, 1)).unsafeString().flatMap(Self.scalar)
      else {
        throw fault("an unknown entity")
      }
      text.append(String(scalar))
      start += end + 1
    }
    return text.finish()
  }

  private static func scalar(_ name: String) -> Unicode.Scalar? {
    switch name {
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    default: break
    }
    let isHexadecimal = name.hasPrefix("#x")
    let digits = name.dropFirst(isHexadecimal ? 2 : 1)
    guard name.hasPrefix("#"), !digits.isEmpty, digits.first != "+", digits.first != "-",
      let value = UInt32(digits, radix: isHexadecimal ? 16 : 10), value >= 0x20 || [9, 10, 13].contains(value)
    else {
      return nil
    }
    return Unicode.Scalar(value)
  }
}
