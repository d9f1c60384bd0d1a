import ExecutionModel
import TestSupport
import Testing

/// One field that a provider type declares.
struct DeclaredField: Sendable, CustomTestStringConvertible {
  enum Block: Sendable {
    case connection
    case login(method: String)
    case lookup
  }

  let type: ProviderUnderTest
  let block: Block
  /// Of names, as `tls` and `ca_cert`.
  let path: [String]
  let kind: FieldDescriptor.Kind

  static let all = ProviderUnderTest.all.flatMap { type in
    let descriptor = type.descriptor
    let logins = descriptor.authentication.map { authentication in
      authentication.methods.flatMap { method in
        fields(method.fields + authentication.commonFields, of: type, .login(method: method.name))
      }
    }
    return fields(descriptor.connection, of: type, .connection) + (logins ?? [])
      + fields(descriptor.lookup, of: type, .lookup)
  }

  private static func fields(
    _ descriptors: [FieldDescriptor], of type: ProviderUnderTest, _ block: Block, below path: [String] = []
  ) -> [DeclaredField] {
    descriptors.flatMap { descriptor in
      let field = DeclaredField(type: type, block: block, path: path + [descriptor.name], kind: descriptor.kind)
      guard case .object(let inner) = descriptor.kind else {
        return [field]
      }
      return [field] + fields(inner, of: type, block, below: field.path)
    }
  }

  /// As `aws_sts: auth (static) secret_access_key`.
  var testDescription: String {
    let place =
      switch block {
      case .connection: ""
      case .login(let method): "auth (\(method)) "
      case .lookup: "entry "
      }
    return "\(type.descriptor.type): \(place)\(path.joined(separator: "."))"
  }

  /// Where a fault of it is told.
  var documentPath: String {
    let place =
      switch block {
      case .connection: "secret_providers.p"
      case .login: "secret_providers.p.auth"
      case .lookup: "secrets.v"
      }
    return ([place] + path).joined(separator: ".")
  }

  /// A document that is good but for `value` in the field's place.
  func document(with value: JSON) throws -> ExecutionDocument.Item {
    let nested = path.dropFirst().reversed().reduce(value) { [$1: $0] }
    let member = (key: path[0], value: nested)
    var connection = type.connection(address: "http://127.0.0.1:1", folder: "/nowhere")
    var entry = type.entry(0, folder: "/nowhere")
    switch block {
    case .connection: connection = connection.with([member])
    case .login(let method):
      connection = connection.with([("auth", (["method": .string(method)] as JSON).with([member]))])
    case .lookup: entry = entry.with([member])
    }
    return try ProviderUnderTest.document(connection, [("v", entry)])
  }

  /// Of another kind, or of another form.
  var wrongValues: [JSON] {
    [[7]] + Self.wrongForms(of: kind)
  }

  private static func wrongForms(of kind: FieldDescriptor.Kind) -> [JSON] {
    switch kind {
    case .text, .audience: [7, "a\u{1}b"]
    case .credential: [7]
    case .grammar(let grammar): [7, .string(unfit(for: grammar))]
    case .version: ["no version!", "a\u{1}b"]
    case .integer(let range):
      ["many", .literal("\(min(range.lowerBound - 1, -1))"), .literal("\(range.upperBound + 1)"), .literal("1.5")]
    case .boolean: ["yes", 7]
    case .choice: ["no such choice", 7]
    case .duration: ["tomorrow", .literal("-1")]
    case .address: ["ftp://store.example.com", "https://store.example.com/?q=1", "https://user@store.example.com", 7]
    case .origin: ["https://store.example.com/path", "store", 7]
    case .pem: ["no pem", 7]
    case .file, .identityFile: ["relative/path", 7]
    case .environmentVariable: ["1 VARIABLE", 7]
    case .remotePath: ["a//b", "a/../b", 7]
    case .object: [7, "text"]
    }
  }

  private static func unfit(for grammar: TextGrammar) -> String {
    ["!", "no word at all ", String(repeating: "x", count: 5000)].first { !grammar.accepts($0) } ?? "\u{1}"
  }
}

@Suite struct ValidationTests {
  @Test(arguments: ProviderUnderTest.all)
  func theDocumentOfTheSuiteIsGood(_ type: ProviderUnderTest) throws {
    let item = try ProviderUnderTest.document(
      type.connection(address: "http://127.0.0.1:1", folder: "/nowhere"), [("v", type.entry(0, folder: "/nowhere"))])
    #expect(ProviderCatalog([type.descriptor]).examine(item).faults == [])
  }

  @Test(arguments: DeclaredField.all)
  func aWrongValueIsAFaultOfItsField(_ field: DeclaredField) throws {
    for value in field.wrongValues {
      let faults = ProviderCatalog([field.type.descriptor]).examine(try field.document(with: value)).faults
      let own = faults.filter { $0.path == field.documentPath && $0.severity == .error }
      #expect(own.count == 1, "\(value.text): \(faults.map(\.line))")
    }
  }

  @Test(arguments: ProviderUnderTest.all)
  func whatADocumentNeedsIsAFaultWhereItIsMissing(_ type: ProviderUnderTest) throws {
    let item = try ProviderUnderTest.document(
      ["provider": .string(type.descriptor.type)], [("v", ["from": "p"])])
    let faults = ProviderCatalog([type.descriptor]).examine(item).faults.filter { $0.severity == .error }.map(\.path)
    for field in type.descriptor.connection where field.isRequired {
      #expect(faults.contains("secret_providers.p.\(field.name)"))
    }
    if type.descriptor.authentication?.isRequired == true {
      #expect(faults.contains("secret_providers.p.auth"))
    }
    for field in type.descriptor.lookup where field.isRequired {
      #expect(faults.contains("secrets.v.\(field.name)"))
    }
  }

  @Test(arguments: ProviderUnderTest.all)
  func aConnectionIsOpenedAndCheckedWithoutAPacket(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      try scene.connect().provider.checkAddresses()
      #expect(scene.wire.sent.isEmpty)
    }
  }
}
