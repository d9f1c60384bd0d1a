import JSONReader

extension ValidationPass {
  mutating func readSecrets() -> [SecretEntry] {
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

  mutating func checkCollisions(_ entries: [SecretEntry]) {
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
