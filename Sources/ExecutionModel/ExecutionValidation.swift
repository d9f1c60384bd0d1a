import JSONReader

/// The provider types that this build knows, and how to turn a document's item into an ``Execution``.
public struct ProviderCatalog: Sendable {
  public let descriptors: [ProviderDescriptor]

  public init(_ descriptors: [ProviderDescriptor]) {
    self.descriptors = descriptors
  }

  public func descriptor(_ type: String) -> ProviderDescriptor? {
    descriptors.first { $0.type == type || $0.aliases.contains(type) }
  }

  /// Decodes and validates one item; finds every fault in one pass and sends nothing anywhere.
  ///
  /// - Returns: the execution, and the warnings.
  /// - Throws: all faults, warnings among them, where at least one is an error.
  public func validate(
    _ item: ExecutionDocument.Item
  ) throws(DocumentFaults) -> (execution: Execution, warnings: [DocumentFault]) {
    var pass = ValidationPass(catalog: self, item: item)
    let execution = pass.run()
    guard let execution, !pass.faults.contains(where: { $0.severity == .error }) else {
      throw DocumentFaults(pass.faults)
    }
    return (execution, pass.faults)
  }
}

/// One pass over one item.
private struct ValidationPass {
  let catalog: ProviderCatalog
  let item: ExecutionDocument.Item
  var faults: [DocumentFault] = []
  /// By name; `nil` where the entry itself is faulty, so that its secrets are not blamed for it.
  var providers: [String: ProviderConnection?] = [:]

  init(catalog: ProviderCatalog, item: ExecutionDocument.Item) {
    self.catalog = catalog
    self.item = item
  }

  /// Paths start at the two blocks, as users write them, but for the items of a list.
  private func path(_ name: String) -> String {
    item.path.isEmpty ? name : "\(item.path).job_spec.\(name)"
  }

  /// A position costs a walk over the source, so a document of ten thousand faults gets them for the first hundred only.
  private mutating func report(
    _ path: String, _ message: String, severity: DocumentFault.Severity = .error, at value: JSONValue?
  ) {
    let position = faults.count < BlockReader.positionedFaults ? value?.position : nil
    faults.append(DocumentFault(path, message, severity: severity, at: position))
  }

  mutating func run() -> Execution? {
    checkID()
    let state = desiredState()
    let connections = readProviders()
    let entries = readSecrets()
    checkCollisions(entries)
    let execution = item.execution
    return Execution(
      id: item.id, jobID: execution?.member("job_id")?.text,
      namespace: (execution ?? item.jobSpec).member("namespace")?.text,
      nodeID: execution?.member("node_id")?.text, name: item.jobSpec.member("name")?.text,
      desiredState: state, providers: connections, secrets: entries)
  }

  private mutating func checkID() {
    guard let execution = item.execution else {
      return
    }
    guard let id = execution.member("id")?.text, !id.isEmpty else {
      report("id", "required: the execution's id, a string", at: execution)
      return
    }
    if id.utf8.count > SecretName.longest {
      report("id", "longer than 253 bytes", at: execution.member("id"))
    }
  }

  /// The words of older revisions are `run` for running and `complete` for stopped; a document without a state is wanted.
  private mutating func desiredState() -> Execution.DesiredState {
    let path = "status.desired_state.state_type"
    guard
      let value = item.execution?.member("status")?.member("desired_state")?.member("state_type"), !value.isNull
    else {
      return .running
    }
    switch value.text?.lowercased() {
    case "pending": return .pending
    case "running", "run": return .running
    case "stopped", "stop", "complete", "completed", "failed": return .stopped
    default:
      report(path, "expected pending, running or stopped; read as running", severity: .warning, at: value)
      return .running
    }
  }

  // MARK: - Providers

  private mutating func readProviders() -> [ProviderConnection] {
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
  private func foreignKeys(
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

  // MARK: - Secrets

  private mutating func readSecrets() -> [SecretEntry] {
    guard let block = item.jobSpec.member("secrets"), !block.isNull else {
      return []
    }
    let place = path("secrets")
    guard block.kind == .object else {
      report(place, "expected an object, found \(block.kind.phrase)", at: block)
      return []
    }
    guard block.count <= ExecutionDocument.maximumSecrets else {
      report(place, "\(block.count) secrets; at most \(ExecutionDocument.maximumSecrets) in one execution", at: block)
      return []
    }
    var foreign: [String: [String: [String]]] = [:]
    var entries: [SecretEntry] = []
    for member in block.members {
      if let entry = readSecret(member, place, &foreign) {
        entries.append(entry)
      }
    }
    return entries
  }

  private mutating func readSecret(
    _ member: JSONValue.Member, _ block: String, _ foreign: inout [String: [String: [String]]]
  ) -> SecretEntry? {
    guard let name = member.name.text else {
      return nil
    }
    let place = DocumentPath.join(block, name)
    let value = member.value
    if name.utf8.count > SecretName.longest {
      report(place, "a name has at most 253 bytes", at: member.name)
    } else if !SecretName.isFileName(name) {
      report(place, "a name is made of letters, digits, '_', '-' and '.', and does not start with '.'", at: member.name)
    }
    guard value.kind == .object else {
      report(place, "expected an object, found \(value.kind.phrase)", at: value)
      return nil
    }
    guard let connection = connection(of: value, place) else {
      return nil
    }
    let descriptor = connection.descriptor
    if foreign[descriptor.type] == nil {
      var keys = foreignKeys(descriptor) { $0.lookup }
      if !descriptor.outputs.isEmpty {
        keys["field"] = ["types that give one value"]
      }
      foreign[descriptor.type] = keys
    }
    var reader = BlockReader(knownElsewhere: foreign[descriptor.type] ?? [:], faultsBefore: faults.count)
    let common = descriptor.commonEntryFields
    var fields = reader.read(
      value, fields: common + descriptor.lookup, rules: descriptor.lookupRules, path: place, owner: descriptor.type)
    faults += reader.faults
    let field = fields.text("field")
    let encoding = fields.text("encoding").flatMap(SecretEntry.Encoding.init(rawValue:)) ?? .raw
    var refresh: RefreshInterval?
    if case .duration(let nanoseconds)? = fields["refresh"], nanoseconds > 0 {
      refresh = RefreshInterval(nanoseconds: nanoseconds)
    }
    for name in common.map(\.name) {
      fields[name] = nil
    }
    return SecretEntry(
      name: name, from: connection.name, lookup: fields, field: field, encoding: encoding, refresh: refresh,
      outputs: descriptor.outputs.isEmpty ? [name] : descriptor.outputs.map { "\(name)_\($0)" })
  }

  private mutating func connection(of value: JSONValue, _ place: String) -> ProviderConnection? {
    guard let field = value.member("from"), !field.isNull else {
      report("\(place).from", "required; the name of one of secret_providers", at: value)
      return nil
    }
    guard let from = field.text else {
      report("\(place).from", "expected a string, found \(field.kind.phrase)", at: field)
      return nil
    }
    guard let found = providers[from] else {
      let hint = NearestName.hint(for: from, among: providers.keys.sorted())
      report("\(place).from", "no secret provider is named \"\(DocumentPath.shown(from))\"\(hint)", at: field)
      return nil
    }
    return found
  }

  private mutating func checkCollisions(_ entries: [SecretEntry]) {
    var owners: [String: String] = [:]
    for entry in entries {
      for output in entry.outputs {
        if let owner = owners[output] {
          report(
            DocumentPath.join(path("secrets"), entry.name),
            "yields \(DocumentPath.shown(output)), as \(DocumentPath.shown(owner)) does; rename one of them", at: nil)
        }
        owners[output] = entry.name
      }
    }
  }
}
