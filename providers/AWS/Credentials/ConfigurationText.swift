import SecretBytes

/// AWS's shared files by the grammar of the SDKs (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html), held in secret
/// memory: `[section]`, `key = value`, and deeper indented lines that continue a value. A comment is a line of its own, or stands
/// behind a section, or behind a value and white space. What stands twice is put together, and the last one wins.
///
/// Where the SDKs part, the reading that most of them share is taken: `:` separates a key too, and keys may be indented.
struct ConfigurationText {
  struct Section {
    /// Without white space around it.
    let name: String
    /// Where it began.
    let line: Int
    /// By key in lower case.
    var values: [String: SecretBytes] = [:]
  }

  struct Fault: Error, Equatable {
    let line: Int
    let message: String
  }

  /// Where the `aws` command, as botocore, reads otherwise.
  struct Difference: Equatable {
    let line: Int
    let message: String
  }

  /// In the order in which they began.
  let sections: [Section]
  /// The first of them.
  let differences: [Difference]

  init(_ bytes: SecretBytes) throws(Fault) {
    guard bytes.isValidUTF8 else {
      throw Fault(line: 1, message: "the file is not UTF-8")
    }
    var reader = ConfigurationReader()
    try reader.read(bytes)
    sections = reader.sections
    differences = reader.differences
  }
}

private struct ConfigurationReader {
  typealias Fault = ConfigurationText.Fault

  /// More than a person reads.
  private static let mostDifferences = 20

  private(set) var sections: [ConfigurationText.Section] = []
  private(set) var differences: [ConfigurationText.Difference] = []
  private var number = 0
  private var places: [String: Int] = [:]
  /// Index into `sections`.
  private var current: Int?
  private var key: String?
  private var valueLines: [SecretBytes] = []
  private var indent = 0

  mutating func read(_ bytes: SecretBytes) throws(Fault) {
    var start = 0
    while start < bytes.count {
      let end = bytes.withUnsafeBytes { $0[start...].firstIndex(of: UInt8(ascii: "\n")) } ?? bytes.count
      number += 1
      try read(line: bytes.slice(start..<end))
      start = end + 1
    }
    finishValue()
  }

  private mutating func read(line: SecretBytes) throws(Fault) {
    let content = line.trimmed
    // Empty lines and comments end no value, however deep they stand.
    guard !content.isEmpty, !content.starts(with: "#"), !content.starts(with: ";") else {
      return
    }
    let depth = line.leadingSpace
    if key != nil, depth > indent {
      return try continueValue(content)
    }
    finishValue()
    indent = depth
    if content.starts(with: "[") {
      try begin(section: content)
    } else {
      try begin(key: content)
    }
  }

  private mutating func note(_ message: String) {
    if differences.count < Self.mostDifferences {
      differences.append(.init(line: number, message: message))
    }
  }

  // MARK: - Sections

  private mutating func begin(section content: SecretBytes) throws(Fault) {
    let mark = content.firstIndex { $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: ";") } ?? content.count
    let bare = content.slice(0..<mark).trimmed
    guard bare.count > 1, bare.slice(bare.count - 1..<bare.count).equals("]") else {
      throw Fault(line: number, message: "a section does not end with ]")
    }
    let inner = bare.slice(1..<bare.count - 1)
    guard let name = inner.trimmed.unsafeString() else {
      throw Fault(line: number, message: "a section's name is not text")
    }
    if inner.trimmed.count != inner.count {
      note("the aws command takes white space inside brackets as part of the name")
    }
    if name == "DEFAULT" {
      note("the aws command lends the values of [DEFAULT] to all sections")
    }
    if let place = places[name] {
      note("a section stands there twice, for which the aws command refuses the file")
      current = place
      return
    }
    current = sections.count
    places[name] = sections.count
    sections.append(.init(name: name, line: number))
  }

  // MARK: - Keys and their values

  private mutating func begin(key content: SecretBytes) throws(Fault) {
    guard let current else {
      throw Fault(line: number, message: "a key stands before the first [section]")
    }
    let bare = content.withoutComment
    let delimiter = bare.firstIndex { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }
    guard let delimiter, let name = bare.slice(0..<delimiter).trimmed.unsafeString()?.lowercased(), !name.isEmpty
    else {
      throw Fault(line: number, message: "neither a section, a key with a value, nor a comment")
    }
    if bare.count != content.count {
      note("the aws command takes the comment behind a value as part of it")
    }
    if sections[current].values[name] != nil {
      note("a key stands twice in its section, for which the aws command refuses the file")
    }
    key = name
    valueLines = [bare.slice(delimiter + 1..<bare.count).trimmed]
    sections[current].values[name] = SecretBytes()
  }

  /// Below a value that is empty stands a block of keys; what stands behind a value of such a block is all value.
  private mutating func continueValue(_ content: SecretBytes) throws(Fault) {
    if valueLines.first?.isEmpty == true {
      let delimiter = content.withoutComment.firstIndex { $0 == UInt8(ascii: "=") }
      guard let delimiter, delimiter > 0 else {
        throw Fault(line: number, message: "what is indented below a key without a value is no key with =")
      }
    }
    valueLines.append(content)
  }

  /// Puts the value that was being read together.
  private mutating func finishValue() {
    guard let key, let current, let first = valueLines.first else {
      return
    }
    if valueLines.count == 1 {
      sections[current].values[key] = first
    } else {
      var joined = SecretBuffer()
      joined.append(first)
      for line in valueLines.dropFirst() {
        joined.append("\n")
        joined.append(line)
      }
      sections[current].values[key] = joined.finish()
    }
    self.key = nil
    valueLines = []
  }
}

extension SecretBytes {
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  fileprivate func firstIndex(where isWanted: (UInt8) -> Bool) -> Int? {
    withUnsafeBytes { $0.firstIndex(where: isWanted) }
  }

  /// How many bytes of white space it starts with.
  fileprivate var leadingSpace: Int { firstIndex { !Self.isSpace($0) } ?? count }

  /// Up to a `#` or `;` behind white space.
  fileprivate var withoutComment: SecretBytes {
    let end = withUnsafeBytes { bytes in
      bytes.indices.dropFirst().first { index in
        (bytes[index] == UInt8(ascii: "#") || bytes[index] == UInt8(ascii: ";")) && Self.isSpace(bytes[index - 1])
      }
    }
    return slice(0..<(end ?? count)).trimmed
  }

  func starts(with text: StaticString) -> Bool {
    slice(0..<text.utf8CodeUnitCount).equals(text)
  }
}
