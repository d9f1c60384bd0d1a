import SecretBytes

/// The grammar of AWS's shared files, as the Python SDK and with it the `aws` command read them (the INI dialect of configparser):
/// `[section]`, `key = value` or `key: value`, full-line comments by `#` or `;`, deeper indented lines continue a value, a section or a
/// key twice is a fault. Values stay in secret memory.
struct ConfigurationText {
  struct Section {
    let name: String
    /// By key in lower case.
    var values: [String: SecretBytes]
  }

  struct Fault: Error, Equatable {
    let line: Int
    let message: String
  }

  /// The sections in their order; `[DEFAULT]` in capitals is no section, but lends its values to all others.
  static func parse(_ bytes: SecretBytes) throws(Fault) -> [Section] {
    guard bytes.isValidUTF8 else {
      throw Fault(line: 1, message: "the file is not UTF-8")
    }
    var text = ConfigurationText(bytes: bytes)
    var start = 0
    while start < bytes.count {
      let end = text.lineEnd(from: start)
      text.number += 1
      try text.read(start..<end.content)
      start = end.next
    }
    text.finishValue()
    return text.result()
  }

  private static let commonSection = "DEFAULT"

  private let bytes: SecretBytes
  private var number = 0
  private var sections: [Section] = []
  private var names: Set<String> = []
  private var common: [String: SecretBytes] = [:]
  /// Index into `sections`; -1: the common one; `nil`: none yet.
  private var current: Int?
  private var key: String?
  private var valueLines: [SecretBytes] = []
  private var indent = 0

  private init(bytes: SecretBytes) {
    self.bytes = bytes
  }

  // MARK: - Lines

  /// Where the line that starts at `start` ends, and where the next one starts: `\n`, `\r\n` and `\r` end lines.
  private func lineEnd(from start: Int) -> (content: Int, next: Int) {
    bytes.withUnsafeBytes { text in
      guard let end = text[start...].firstIndex(where: { $0 == 0x0a || $0 == 0x0d }) else {
        return (text.count, text.count)
      }
      let isPair = text[end] == 0x0d && end + 1 < text.count && text[end + 1] == 0x0a
      return (end, end + (isPair ? 2 : 1))
    }
  }

  private mutating func read(_ range: Range<Int>) throws(Fault) {
    let line = bytes.slice(range)
    let content = line.trimmed
    if content.isEmpty {
      if key != nil {
        valueLines.append(SecretBytes())
      }
      return
    }
    if content.starts(with: "#") || content.starts(with: ";") {
      return
    }
    let lineIndent = line.leadingSpace
    if key != nil, lineIndent > indent {
      valueLines.append(content)
      return
    }
    finishValue()
    indent = lineIndent
    if let name = Self.sectionName(content) {
      return try begin(section: name)
    }
    guard current != nil else {
      throw Fault(line: number, message: "a key stands before the first [section]")
    }
    try begin(key: content)
  }

  /// The text between `[` and the last `]`.
  private static func sectionName(_ content: SecretBytes) -> String? {
    guard content.starts(with: "[") else {
      return nil
    }
    let end = content.withUnsafeBytes { $0.lastIndex(of: UInt8(ascii: "]")) }
    guard let end, end > 1 else {
      return nil
    }
    return content.slice(1..<end).unsafeString()
  }

  private mutating func begin(section name: String) throws(Fault) {
    if name == Self.commonSection {
      current = -1
      return
    }
    guard names.insert(name).inserted else {
      throw Fault(line: number, message: "a section stands there twice")
    }
    sections.append(Section(name: name, values: [:]))
    current = sections.count - 1
  }

  private mutating func begin(key content: SecretBytes) throws(Fault) {
    let delimiter = content.withUnsafeBytes { text in
      text.firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }
    }
    guard let delimiter, let name = content.slice(0..<delimiter).trimmed.unsafeString()?.lowercased(), !name.isEmpty
    else {
      throw Fault(line: number, message: "neither a section, a key with a value, nor a comment")
    }
    guard value(name) == nil else {
      throw Fault(line: number, message: "a key stands twice in its section")
    }
    key = name
    valueLines = [content.slice(delimiter + 1..<content.count).trimmed]
    store(SecretBytes(), name)
  }

  // MARK: - Values

  private func value(_ name: String) -> SecretBytes? {
    guard let current, sections.indices.contains(current) else {
      return common[name]
    }
    return sections[current].values[name]
  }

  private mutating func store(_ value: SecretBytes, _ name: String) {
    guard let current, sections.indices.contains(current) else {
      common[name] = value
      return
    }
    sections[current].values[name] = value
  }

  /// Puts the value that was being read together: its lines joined, without the empty ones at its end.
  private mutating func finishValue() {
    guard let key else {
      return
    }
    while valueLines.count > 1, valueLines.last?.isEmpty == true {
      valueLines.removeLast()
    }
    if valueLines.count == 1, let only = valueLines.first {
      store(only, key)
    } else {
      var joined = SecretBuffer()
      for (index, line) in valueLines.enumerated() {
        if index > 0 {
          joined.append("\n")
        }
        joined.append(line)
      }
      store(joined.finish(), key)
    }
    self.key = nil
    valueLines = []
  }

  private func result() -> [Section] {
    sections.map { section in
      Section(name: section.name, values: common.merging(section.values) { _, own in own })
    }
  }
}

extension SecretBytes {
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  /// How many bytes of white space it starts with.
  fileprivate var leadingSpace: Int {
    withUnsafeBytes { bytes in bytes.firstIndex { !Self.isSpace($0) } ?? bytes.count }
  }

  func starts(with text: StaticString) -> Bool {
    slice(0..<text.utf8CodeUnitCount).equals(text)
  }
}
