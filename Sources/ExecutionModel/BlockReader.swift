import HTTPTransport
import JSONReader
import SecretBytes

/// Reads one object of a document by the descriptors of its fields, and gathers every fault on the way.
struct BlockReader {
  private(set) var faults: [DocumentFault] = []
  /// Field names of all provider types: a known key at the wrong type is an error, an unknown one a warning.
  let knownElsewhere: [String: [String]]

  /// How many faults get line and column: finding them costs a walk over the source.
  static let positionedFaults = 100

  /// How many faults of this block still get a position.
  private let positionsLeft: Int

  /// - Parameter faultsBefore: how many faults the pass has found so far.
  init(knownElsewhere: [String: [String]], faultsBefore: Int) {
    self.knownElsewhere = knownElsewhere
    self.positionsLeft = Self.positionedFaults - faultsBefore
  }

  mutating func report(
    _ path: String, _ message: String, _ severity: DocumentFault.Severity = .error, at value: JSONValue? = nil
  ) {
    let position = faults.count < positionsLeft ? value?.position : nil
    faults.append(DocumentFault(path, message, severity: severity, at: position))
  }

  mutating func report(_ others: [DocumentFault]) {
    faults += others
  }

  /// Decodes the fields of `block`. `passedOver` are keys that the caller reads itself; `owner` names the type in messages.
  mutating func read(
    _ block: JSONValue, fields: [FieldDescriptor], rules: [FieldRule] = [], path: String, owner: String,
    passingOver passedOver: [String] = []
  ) -> FieldValues {
    var values = FieldValues()
    readFields(of: block, fields, path: path, prefix: "", owner: owner, passedOver, into: &values)
    let rejected = Set(
      fields.map(\.name).filter { name in
        values[name] == nil && block.member(name).map { !$0.isNull && $0.kind != .object } ?? false
      })
    for rule in rules {
      check(rule, values, rejected, block, path: path, owner: owner)
    }
    return values
  }

  private mutating func readFields(
    of block: JSONValue, _ fields: [FieldDescriptor], path: String, prefix: String, owner: String,
    _ passedOver: [String], into values: inout FieldValues
  ) {
    guard block.kind == .object else {
      report(path, "expected an object, found \(block.kind.phrase)", at: block)
      return
    }
    reportUnknownKeys(of: block, fields, path: path, owner: owner, passedOver)
    for field in fields {
      let place = DocumentPath.join(path, field.name)
      guard let value = block.member(field.name), !value.isNull else {
        if field.isRequired {
          report(place, "required for \(owner); \(field.summary)", at: block)
        }
        continue
      }
      if case .object(let inner) = field.kind {
        readFields(
          of: value, inner, path: place, prefix: prefix + field.name + ".", owner: owner, [], into: &values)
      } else if let decoded = decode(value, as: field.kind, path: place) {
        values[prefix + field.name] = decoded
      }
    }
  }

  private mutating func reportUnknownKeys(
    of block: JSONValue, _ fields: [FieldDescriptor], path: String, owner: String, _ passedOver: [String]
  ) {
    let known = fields.map(\.name) + passedOver
    for member in block.members {
      guard let name = member.name.text, !known.contains(name) else {
        continue
      }
      let place = DocumentPath.join(path, name)
      if let others = knownElsewhere[name] {
        report(place, "belongs to \(others.joined(separator: ", ")), not to \(owner); remove it", at: member.name)
      } else {
        let hint = NearestName.hint(for: name, among: known)
        report(place, "unknown key of \(owner)\(hint)", .warning, at: member.name)
      }
    }
  }

  // MARK: - Values

  private mutating func decode(
    _ value: JSONValue, as kind: FieldDescriptor.Kind, path: String
  ) -> FieldValues.Value? {
    switch kind {
    case .integer(let range):
      guard let number = value.int64 else {
        return refuse(value, path, "expected a whole number")
      }
      guard range.contains(number) else {
        return refuse(value, path, "out of range; \(Self.words(range))")
      }
      return .integer(number)
    case .boolean:
      guard let flag = value.boolean else {
        return refuse(value, path, "expected true or false")
      }
      return .boolean(flag)
    case .duration:
      return duration(value, path)
    case .credential:
      guard let secret = value.secret, !secret.isEmpty else {
        return refuse(value, path, "expected a string that is not empty")
      }
      return .credential(secret.detached())
    case .pem:
      return pem(value, path)
    case .version where value.kind == .number:
      guard let number = value.int64, number > 0 else {
        return refuse(value, path, "expected a version: a number from 1, or a name")
      }
      return .text(String(number))
    case .text, .version, .choice, .address, .file, .environmentVariable, .remotePath:
      guard var text = value.text else {
        return refuse(value, path, "expected a string, found \(value.kind.phrase)")
      }
      if kind == .remotePath {
        // Stores print mounts and namespaces with a slash at the end, and people copy them.
        text = String(text.drop { $0 == "/" })
        while text.hasSuffix("/") {
          text.removeLast()
        }
      }
      if let complaint = Self.complaint(about: text, as: kind) {
        return refuse(value, path, complaint)
      }
      return .text(text)
    case .object:
      return nil
    }
  }

  private mutating func refuse(_ value: JSONValue, _ path: String, _ message: String) -> FieldValues.Value? {
    report(path, message, at: value)
    return nil
  }

  private mutating func pem(_ value: JSONValue, _ path: String) -> FieldValues.Value? {
    guard let secret = value.secret, let text = value.text else {
      return refuse(value, path, "expected a string, found \(value.kind.phrase)")
    }
    guard text.hasPrefix("/") || text.hasPrefix("-----BEGIN ") else {
      return refuse(value, path, "expected the absolute path of a PEM file, or PEM text")
    }
    return .credential(secret.detached())
  }

  private mutating func duration(_ value: JSONValue, _ path: String) -> FieldValues.Value? {
    if value.kind == .number {
      guard let nanoseconds = value.int64 else {
        return refuse(value, path, "expected whole nanoseconds within 64 bits, or a string as \"30m\"")
      }
      guard nanoseconds >= 0 else {
        return refuse(value, path, "must not be negative")
      }
      return .duration(nanoseconds)
    }
    guard let text = value.text else {
      return refuse(value, path, "expected a duration as \"30m\" or nanoseconds, found \(value.kind.phrase)")
    }
    do throws(RefreshInterval.ParseFault) {
      return .duration(try RefreshInterval(parsing: text).nanoseconds)
    } catch {
      switch error {
      case .negative: return refuse(value, path, "must not be negative")
      case .tooLong: return refuse(value, path, "longer than 292 years")
      case .empty, .malformed:
        return refuse(value, path, "not a duration; write it as \"90s\", \"30m\" or \"1h30m\"")
      }
    }
  }

  /// What is wrong with `text` as a value of `kind`; the text itself is not repeated.
  private static func complaint(about text: String, as kind: FieldDescriptor.Kind) -> String? {
    guard !text.isEmpty else {
      return "must not be empty"
    }
    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      return "must not contain control characters"
    }
    switch kind {
    case .choice(let choices):
      guard !choices.contains(text) else {
        return nil
      }
      return "expected one of \(choices.joined(separator: ", "))\(NearestName.hint(for: text, among: choices))"
    case .address:
      do throws(URLFault) {
        _ = try HTTPURL(parsing: text)
        return nil
      } catch {
        return "expected an address as https://host:port; \(error)"
      }
    case .file:
      return text.hasPrefix("/") ? nil : "expected an absolute path"
    case .environmentVariable:
      return SecretName.isEnvironmentName(text) ? nil : "not the name of an environment variable"
    case .remotePath:
      let segments = text.split(separator: "/", omittingEmptySubsequences: false)
      return segments.contains { $0.isEmpty || $0 == "." || $0 == ".." }
        ? "must be segments separated by single '/', none of them '.' or '..'" : nil
    default:
      return nil
    }
  }

  private static func words(_ range: ClosedRange<Int64>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case (let low, .max): "at least \(low)"
    case (let low, let high) where high == low + 1: "\(low) or \(high)"
    case (let low, let high): "\(low) to \(high)"
    }
  }

  // MARK: - Rules

  private mutating func check(
    _ rule: FieldRule, _ values: FieldValues, _ rejected: Set<String>, _ block: JSONValue, path: String, owner: String
  ) {
    // A field that is there but was refused has had its line; it counts as present.
    func present(_ names: [String]) -> [String] {
      names.filter { values[$0] != nil || rejected.contains($0) }
    }
    switch rule {
    case .exactlyOne(let names):
      let given = present(names)
      if given.isEmpty {
        report(path, "\(owner) needs one of \(names.joined(separator: ", "))", at: block)
      } else if given.count > 1 {
        report(path, "\(given.joined(separator: " and ")) exclude each other; keep one", at: block)
      }
    case .atMostOne(let names):
      let given = present(names)
      if given.count > 1 {
        report(path, "\(given.joined(separator: " and ")) exclude each other; keep one", at: block)
      }
    case .allOrNone(let names):
      let given = present(names)
      if !given.isEmpty, given.count < names.count {
        let missing = names.filter { !given.contains($0) }
        report(
          path,
          "\(given.joined(separator: ", ")) needs \(missing.joined(separator: ", ")) too; give both or neither",
          at: block)
      }
    case .onlyWhile(let field, let other, let value, let byDefault):
      guard values[field] != nil else {
        return
      }
      let holds = values.integer(other).map { $0 == value } ?? byDefault
      if !holds {
        report("\(path).\(field)", "works only with \(other) \(value); remove it", at: block.member(field))
      }
    }
  }
}

extension JSONValue.Kind {
  /// As in "found a number".
  var phrase: String {
    switch self {
    case .object: "an object"
    case .array: "an array"
    case .string: "a string"
    case .number: "a number"
    case .boolean: "a boolean"
    case .null: "null"
    }
  }
}
