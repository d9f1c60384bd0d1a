import JSONReader
import Text

extension ValidationPass {
  mutating func readSecrets() -> [SecretEntry] {
    guard let block = block("secrets") else {
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
    var entries: [SecretEntry] = []
    for member in block.members {
      if let entry = readSecret(member, place) {
        entries.append(entry)
      }
    }
    return entries
  }

  /// `nil` where the entry or its provider is faulty.
  private mutating func readSecret(_ member: JSONValue.Member, _ block: String) -> SecretEntry? {
    guard let name = member.name.text else {
      return nil
    }
    let before = faults.count
    let place = DocumentPath.join(block, name)
    let value = member.value
    checkName(name, place, member.name)
    guard value.kind == .object else {
      report(place, "expected an object, found \(value.kind.phrase)", at: value)
      return nil
    }
    let provider = provider(of: value, place)
    var reader = BlockReader(
      foreign: catalog.structs.secret, misplaced: catalog.structs.misplacedInSecret, faultsBefore: faults.count)
    guard let provider else {
      reader.readUntyped(
        value, path: place, owner: "a secret", passingOver: ["from", "field", "encoding", "refresh"])
      reader.readKnown(of: value, ProviderDescriptor.commonEntryFields().filter { $0.name != "from" }, path: place)
      faults += reader.faults
      return nil
    }
    let descriptor = provider.descriptor
    let common = descriptor.commonEntryFields
    var fields = reader.read(
      value, fields: common + descriptor.lookup, rules: descriptor.lookupRules, path: place, owner: descriptor.type)
    faults += reader.faults
    let field = fields.text("field")
    if let field, field.unicodeScalars.first == "/", Self.hasStrayTilde(field) {
      report("\(place).field", "not a JSON Pointer: '~' is written ~0, '/' is ~1", at: value.member("field"))
    }
    let encoding = fields.text("encoding").flatMap(SecretEntry.Encoding.init(rawValue:)) ?? .raw
    let refresh = refresh(fields, place, value.member("refresh"))
    for name in common.map(\.name) {
      fields[name] = nil
    }
    var outputs =
      descriptor.outputs.isEmpty || field != nil
      ? [SecretEntry.Output(name: name, field: field)]
      : descriptor.outputs.map { SecretEntry.Output(name: "\(name)_\($0.suffix)", field: $0.field) }
    if fields[PreviousVersion.field] == true {
      outputs.append(SecretEntry.Output(name: PreviousVersion.name(of: name), field: field, isPrevious: true))
    }
    checkOutputs(outputs, place, member.name)
    guard let connection = provider.connection, !faults[before...].contains(where: { $0.severity == .error }) else {
      return nil
    }
    let reference: Reference
    do throws(FieldFault) {
      reference = try descriptor.reference(fields, over: connection.key)
    } catch {
      report("\(place).\(error.field)", error.message, at: value.member(error.field))
      return nil
    }
    return SecretEntry(
      name: name, from: connection.name, reference: reference, encoding: encoding, refresh: refresh, outputs: outputs)
  }

  /// Whether a `~` is not part of `~0` or `~1` (RFC 6901 §3); by scalars, since a combining mark behind a digit hides it from Swift.
  private static func hasStrayTilde(_ pointer: String) -> Bool {
    pointer.unicodeScalars.split(separator: "~", omittingEmptySubsequences: false).dropFirst().contains {
      $0.first != "0" && $0.first != "1"
    }
  }

  private mutating func provider(of value: JSONValue, _ place: String) -> NamedProvider? {
    guard let field = value.member("from"), !field.isZero else {
      report("\(place).from", "required; the name of one of secret_providers", at: value)
      return nil
    }
    guard let from = field.text else {
      report("\(place).from", "expected a string, found \(field.kind.phrase)", at: field)
      return nil
    }
    guard let found = providers[from] else {
      // Where there are no providers at all, that is said once.
      if block("secret_providers") != nil {
        let hint = hint(from, among: providers.keys.sorted())
        report("\(place).from", "no secret provider is named \"\(ShownText.clean(from))\"\(hint)", at: field)
      }
      return nil
    }
    return found
  }

  // MARK: - Names

  private mutating func checkName(_ name: String, _ place: String, _ value: JSONValue) {
    if name.utf8.count > SecretName.longest {
      report(place, "a name has at most 253 bytes", at: value)
    } else if !SecretName.isFileName(name) {
      report(place, "a name is made of letters, digits, '_', '-' and '.', and does not start with '.'", at: value)
    }
  }

  private mutating func checkOutputs(_ outputs: [SecretEntry.Output], _ place: String, _ value: JSONValue) {
    for output in outputs where SecretName.isFileName(output.name) {
      if output.name.utf8.count > SecretName.longest, outputs.count > 1 {
        report(place, "yields a name of more than 253 bytes; use a shorter prefix", at: value)
      } else if let obstacle = context.nameObstacle(output.name) {
        // One line an entry: its outputs share the name.
        return report(place, obstacle, at: value)
      }
    }
  }

  mutating func checkCollisions(_ entries: [SecretEntry]) {
    var owners: [String: String] = [:]
    for entry in entries {
      for output in entry.outputs.map(\.name) {
        if let owner = owners[output] {
          report(
            DocumentPath.join(path("secrets"), entry.name),
            "yields \(ShownText.clean(output)), as \(ShownText.clean(owner)) does; rename one of them",
            at: block("secrets")?.member(entry.name))
        }
        owners[output] = entry.name
      }
    }
  }

  // MARK: - Refresh

  /// The interval that will hold: what is too short is raised, with a word.
  private mutating func refresh(_ fields: FieldValues, _ place: String, _ value: JSONValue?) -> GoDuration? {
    guard case .duration(let nanoseconds)? = fields["refresh"], nanoseconds > 0 else {
      return nil
    }
    let asked = GoDuration(nanoseconds: nanoseconds)
    let isRaised = nanoseconds < context.minRefresh.nanoseconds
    var words = isRaised ? ["\(asked) is below the node's min_refresh; \(context.minRefresh) will hold"] : []
    if value?.kind == .number, nanoseconds < 1_000_000_000 {
      words.append(
        "a number counts nanoseconds, so \(nanoseconds) is \(asked); write text as \"\(nanoseconds)s\" for seconds")
    }
    if !words.isEmpty {
      report("\(place).refresh", words.joined(separator: "; "), severity: .warning, at: value)
    }
    return isRaised ? context.minRefresh : asked
  }
}
