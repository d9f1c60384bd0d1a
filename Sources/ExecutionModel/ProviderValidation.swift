import JSONReader

extension ValidationPass {
  mutating func readProviders() -> [ProviderConnection] {
    guard let block = item.jobSpec.member("secret_providers"), !block.isNull else {
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
      let connection = readProvider(name, member)
      providers[name] = .some(connection)
      if let connection {
        connections.append(connection)
      }
    }
    return connections
  }

  private mutating func readProvider(_ name: String, _ member: JSONValue.Member) -> ProviderConnection? {
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
    guard let descriptor = descriptor(of: value, place) else {
      return nil
    }
    var reader = BlockReader(knownElsewhere: foreignKeys(descriptor) { $0.connection }, faultsBefore: before)
    let fields = reader.read(
      value, fields: descriptor.connection, rules: descriptor.connectionRules, path: place, owner: descriptor.type,
      passingOver: ["type"] + (descriptor.authentication == nil ? [] : ["auth"]))
    let (method, authentication) = readAuthentication(value, descriptor, place, &reader)
    faults += reader.faults
    guard !faults[before...].contains(where: { $0.severity == .error }) else {
      return nil
    }
    let key = ProviderConnection.Key(
      type: descriptor.type, fields: fields, method: method, authentication: authentication)
    return ProviderConnection(name: name, key: key, descriptor: descriptor)
  }

  private mutating func descriptor(of value: JSONValue, _ place: String) -> ProviderDescriptor? {
    let types = catalog.descriptors.map(\.type)
    let expected = "one of \(types.joined(separator: ", "))"
    guard let field = value.member("type"), !field.isNull else {
      report("\(place).type", "required; \(expected)", at: value)
      return nil
    }
    guard let type = field.text else {
      report("\(place).type", "expected a string, found \(field.kind.phrase)", at: field)
      return nil
    }
    guard let descriptor = catalog.descriptor(type) else {
      let names = types + catalog.descriptors.flatMap(\.aliases)
      report(
        "\(place).type",
        "unknown provider type \"\(DocumentPath.shown(type))\", expected \(expected)\(NearestName.hint(for: type, among: names))",
        at: field)
      return nil
    }
    return descriptor
  }

  private func readAuthentication(
    _ provider: JSONValue, _ descriptor: ProviderDescriptor, _ place: String, _ reader: inout BlockReader
  ) -> (method: String?, fields: FieldValues) {
    guard let authentication = descriptor.authentication else {
      return (nil, FieldValues())
    }
    let place = "\(place).auth"
    let methods = authentication.methods.map(\.name).joined(separator: ", ")
    guard let block = provider.member("auth"), !block.isNull else {
      if authentication.isRequired {
        reader.report(place, "required for \(descriptor.type); an object with method: one of \(methods)", at: provider)
      }
      return (authentication.defaultMethod, FieldValues())
    }
    guard block.kind == .object else {
      reader.report(place, "expected an object, found \(block.kind.phrase)", at: block)
      return (nil, FieldValues())
    }
    guard let method = method(of: block, authentication, descriptor, place, &reader) else {
      return (nil, FieldValues())
    }
    var inner = BlockReader(
      knownElsewhere: foreignMethodKeys(authentication, method), faultsBefore: faults.count)
    let fields = inner.read(
      block, fields: method.fields + authentication.commonFields, rules: method.rules, path: place,
      owner: "\(descriptor.type)'s method \(method.name)", passingOver: ["method"])
    reader.report(inner.faults)
    return (method.name, fields)
  }

  /// The method that an `auth` block names, or tells by its fields where the type lets it.
  private func method(
    of block: JSONValue, _ authentication: AuthenticationDescriptor, _ descriptor: ProviderDescriptor, _ place: String,
    _ reader: inout BlockReader
  ) -> AuthenticationMethod? {
    let methods = authentication.methods.map(\.name).joined(separator: ", ")
    guard let chosen = block.member("method"), !chosen.isNull else {
      guard authentication.defaultMethod != nil else {
        reader.report("\(place).method", "required for \(descriptor.type); one of \(methods)", at: block)
        return nil
      }
      let given = Set(block.members.compactMap { $0.value.isNull ? nil : $0.name.text })
      let method = authentication.method(inferredFrom: given)
      if method == nil {
        reader.report(place, "no method takes these fields together; write method, one of \(methods)", at: block)
      }
      return method
    }
    guard let name = chosen.text, let method = authentication.methods.first(where: { $0.name == name }) else {
      let hint = NearestName.hint(for: chosen.text ?? "", among: authentication.methods.map(\.name))
      reader.report("\(place).method", "expected one of \(methods)\(hint)", at: chosen)
      return nil
    }
    return method
  }

  /// Keys of `field` lists of other types, each with the types that it belongs to.
  func foreignKeys(
    _ own: ProviderDescriptor, _ fields: (ProviderDescriptor) -> [FieldDescriptor]
  ) -> [String: [String]] {
    var foreign: [String: [String]] = [:]
    for other in catalog.descriptors where other.type != own.type {
      for field in fields(other) {
        foreign[field.name, default: []].append(other.type)
      }
    }
    return foreign
  }

  private func foreignMethodKeys(
    _ authentication: AuthenticationDescriptor, _ own: AuthenticationMethod
  ) -> [String: [String]] {
    var foreign: [String: [String]] = [:]
    for other in authentication.methods where other.name != own.name {
      for field in other.fields {
        foreign[field.name, default: []].append("method \(other.name)")
      }
    }
    return foreign
  }
}
