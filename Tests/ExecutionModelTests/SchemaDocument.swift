import ExecutionModel
import JSONReader
import SecretBytes

/// The two ways in which a document may be laid out.
enum SchemaLayout: String, CaseIterable, Sendable {
  case json
  case yaml

  func read(_ tree: JSONTree) throws(DocumentFaults) -> ExecutionDocument {
    switch self {
    case .json: try ExecutionDocument(tree.pretty, syntax: .json)
    case .yaml: try ExecutionDocument(SecretBytes(Self.block(tree, indent: "")), syntax: .yaml)
    }
  }

  /// Block style, as people write it: quotes only where YAML needs them, so that `"3"` keeps them and `3` stays a number.
  static func block(_ tree: JSONTree, indent: String) -> String {
    switch tree {
    case .object(let members) where !members.isEmpty:
      return members.map { member in
        "\(indent)\(scalar(member.name)):\(value(member.value, indent: indent))"
      }.joined()
    case .array(let elements) where !elements.isEmpty:
      return elements.map { "\(indent)-\(value($0, indent: indent))" }.joined()
    default:
      return flow(tree) + "\n"
    }
  }

  private static func value(_ tree: JSONTree, indent: String) -> String {
    switch tree {
    case .object(let members) where !members.isEmpty: "\n" + block(tree, indent: indent + "  ")
    case .array(let elements) where !elements.isEmpty: "\n" + block(tree, indent: indent + "  ")
    default: " \(flow(tree))\n"
    }
  }

  private static func flow(_ tree: JSONTree) -> String {
    switch tree {
    case .null: "~"
    case .boolean(let flag): flag ? "true" : "false"
    case .number(let number): "\(number)"
    case .string(let text): scalar(text)
    case .array: "[]"
    case .object: "{}"
    }
  }

  private static func scalar(_ text: String) -> String {
    let isWord = text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        || "_-./:".utf8.contains(byte)
    }
    let isLetter = text.utf8.first.map { (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) } ?? false
    if isWord, isLetter || text.hasPrefix("/"), !text.hasSuffix(":"), !["true", "false", "null"].contains(text) {
      return text
    }
    return (JSONTree.string(text).pretty.unsafeString() ?? "")
  }
}

/// A bare job spec of one provider `p` and one entry `S`, to be altered a key at a time.
struct SchemaDocument: Sendable {
  /// The objects whose keys are altered.
  enum Place: String, Sendable {
    case provider = "secret_providers.p"
    case tls = "secret_providers.p.tls"
    case authentication = "secret_providers.p.auth"
    case entry = "secrets.S"
  }

  private var objects: [Place: [JSONTree.Member]]

  init(provider: [(String, JSONTree)], authentication: [(String, JSONTree)] = [], entry: [(String, JSONTree)]) {
    objects = [
      .provider: provider.map { .init($0, $1) }, .authentication: authentication.map { .init($0, $1) },
      .entry: entry.map { .init($0, $1) },
    ]
  }

  subscript(place: Place, key: String) -> JSONTree? {
    get { objects[place]?.first { $0.name == key }?.value }
    set {
      var members = objects[place] ?? []
      let index = members.firstIndex { $0.name == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index] = .init(key, value)
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(.init(key, value))
      case (nil, nil): break
      }
      objects[place] = members
    }
  }

  /// The same with one key altered; `nil` leaves it out.
  func with(_ place: Place, _ key: String, _ value: JSONTree?) -> SchemaDocument {
    var copy = self
    copy[place, key] = value
    return copy
  }

  /// What was set of `tls` and `auth` one by one stands in the provider, unless that was set as a whole.
  var tree: JSONTree {
    var provider = objects[.provider] ?? []
    for (place, key) in [(Place.tls, "tls"), (.authentication, "auth")] {
      if let members = objects[place], !members.isEmpty, self[.provider, key] == nil {
        provider.append(.init(key, .object(members)))
      }
    }
    return [
      "secret_providers": ["p": .object(provider)], "secrets": ["S": .object(objects[.entry] ?? [])],
    ]
  }

  /// All that one pass finds, warnings among them; and what could be read.
  func examined(_ layout: SchemaLayout, _ context: ValidationContext = .init()) throws -> Validation {
    try catalog.examine(layout.read(tree).item(nil), in: context)
  }

  func faults(_ layout: SchemaLayout) throws -> [DocumentFault] {
    try examined(layout).faults
  }
}
