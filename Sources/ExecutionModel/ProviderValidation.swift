import JSONReader
import Text

extension ValidationPass {
  mutating func readProviders() -> [ProviderConnection] {
    guard let block = block("secret_providers") else {
      return []
    }
    guard block.kind == .object else {
      report(path("secret_providers"), "expected an object, found \(block.kind.phrase)", at: block)
      return []
    }
    var connections: [ProviderConnection] = []
    for member in block.members {
      guard let name = member.name.text else {
        continue
      }
      let provider = readProvider(name, member)
      providers[name] = .some(provider)
      if let connection = provider?.connection {
        connections.append(connection)
      }
    }
    return connections
  }

  private mutating func readProvider(_ name: String, _ member: JSONValue.Member) -> NamedProvider? {
    let place = DocumentPath.join(path("secret_providers"), name)
    let value = member.value
    let before = faults.count
    guard !name.isEmpty, name.utf8.count <= SecretName.longest else {
      report(place, "a provider's name has 1 to 253 bytes", at: member.name)
      return nil
    }
    guard value.kind == .object else {
      report(place, "expected an object, found \(value.kind.phrase)", at: value)
      return nil
    }
    let descriptor = descriptor(of: value, place)
    var reader = BlockReader(
      foreign: catalog.structs.provider, misplaced: catalog.structs.misplacedInProvider, faultsBefore: faults.count)
    guard let descriptor else {
      reader.readUntyped(value, path: place, owner: "a provider", passingOver: ["provider"])
      faults += reader.faults
      return nil
    }
    var fields = reader.read(
      value, fields: descriptor.connection, rules: descriptor.connectionRules, path: place, owner: descriptor.type,
      passingOver: ["provider"] + (descriptor.authentication == nil ? [] : ["auth"]))
    faults += reader.faults
    for (name, value) in descriptor.connectionDefaults where fields[name] == nil {
      fields[name] = .text(value(names))
    }
    let (method, authentication) = readAuthentication(value, descriptor, place)
    guard !faults[before...].contains(where: { $0.severity == .error }) else {
      return NamedProvider(descriptor: descriptor, connection: nil)
    }
    let values = ConnectionValues(fields: fields, method: method, authentication: authentication)
    do throws(FieldFault) {
      let key = try ProviderConnection.Key(descriptor, values, grant: grant)
      return NamedProvider(
        descriptor: descriptor, connection: ProviderConnection(name: name, key: key, descriptor: descriptor))
    } catch {
      report("\(place).\(error.field)", error.message, at: value)
      return NamedProvider(descriptor: descriptor, connection: nil)
    }
  }

  private var names: ExecutionNames {
    ExecutionNames(node: item.nodeID ?? context.nodeName, job: item.name ?? item.jobID)
  }

  private mutating func descriptor(of value: JSONValue, _ place: String) -> ProviderDescriptor? {
    let place = "\(place).provider"
    let types = catalog.descriptors.map(\.type)
    let expected = "one of \(types.joined(separator: ", "))"
    guard let field = value.member("provider"), !field.isZero else {
      let isElsewhere = value.member("type")?.text.map { catalog.descriptor($0) != nil } ?? false
      report(place, "required; \(expected)\(isElsewhere ? "; the key is `provider`, not `type`" : "")", at: value)
      return nil
    }
    guard let type = field.text else {
      report(place, "expected a string, found \(field.kind.phrase)", at: field)
      return nil
    }
    guard let descriptor = catalog.descriptor(type) else {
      let names = types + catalog.descriptors.flatMap(\.aliases)
      // People shorten the names: `vault`, `secrets_manager`.
      let whole = types.first { type.utf8.count >= 3 && $0.contains(type.lowercased()) }
      report(
        place,
        "unknown provider type \"\(ShownText.clean(type))\", expected \(expected)\(whole.map { "; did you mean \"\($0)\"?" } ?? hint(type, among: names))",
        at: field)
      return nil
    }
    return descriptor
  }

  // MARK: - Authentication

  private mutating func readAuthentication(
    _ provider: JSONValue, _ descriptor: ProviderDescriptor, _ place: String
  ) -> (method: String?, fields: FieldValues) {
    guard let authentication = descriptor.authentication else {
      return (nil, FieldValues())
    }
    let place = "\(place).auth"
    guard let block = provider.member("auth"), !block.isZero else {
      if authentication.isRequired {
        let methods = Self.list(authentication.methods)
        report(place, "required for \(descriptor.type); an object with method: one of \(methods)", at: provider)
      }
      return (authentication.defaultMethod, FieldValues())
    }
    guard block.kind == .object else {
      report(place, "expected an object, found \(block.kind.phrase)", at: block)
      return (nil, FieldValues())
    }
    guard let method = method(of: block, authentication, descriptor, place) else {
      return (nil, FieldValues())
    }
    // A field of a sibling method says which; one of another type says whose.
    var foreign = catalog.structs.authentication
    for other in authentication.methods where other.name != method.name {
      for field in other.fields {
        foreign[field.name] = authentication.methods.filter { $0.fields.contains { $0.name == field.name } }
          .map { "method \($0.name)" }
      }
    }
    var reader = BlockReader(
      foreign: foreign, misplaced: catalog.structs.misplacedInAuthentication, faultsBefore: faults.count)
    let fields = reader.read(
      block, fields: method.fields + authentication.commonFields, rules: method.rules, path: place,
      owner: "\(descriptor.type)'s method \(method.name)", passingOver: ["method"])
    faults += reader.faults
    return (method.name, fields)
  }

  /// The method that an `auth` block names, or tells by its fields.
  private mutating func method(
    of block: JSONValue, _ authentication: AuthenticationDescriptor, _ descriptor: ProviderDescriptor, _ place: String
  ) -> AuthenticationMethod? {
    let all = Self.list(authentication.methods)
    guard let chosen = block.member("method"), !chosen.isZero else {
      let given = Set(block.members.compactMap { $0.value.isZero ? nil : $0.name.text })
      switch authentication.method(inferredFrom: given) {
      case .method(let method):
        return method
      case .contradiction:
        report(place, "no method takes these fields together; write method, one of \(all)", at: block)
      case .several(let methods):
        report("\(place).method", "several may be meant; write one of \(Self.list(methods))", at: block)
      }
      return nil
    }
    guard let name = chosen.text, let method = authentication.method(named: name) else {
      let hint = hint(chosen.text ?? "", among: authentication.methods.map(\.name))
      report("\(place).method", "expected one of \(all)\(hint)", at: chosen)
      return nil
    }
    return method
  }

  private static func list(_ methods: [AuthenticationMethod]) -> String {
    methods.map(\.name).joined(separator: ", ")
  }
}
