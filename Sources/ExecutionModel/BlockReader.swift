import JSONReader
import Text

/// Reads one object of a document by the descriptors of its fields, and gathers every fault on the way.
struct BlockReader {
  private(set) var faults: [DocumentFault] = []
  /// Who else reads a key: with a value it would change nothing silently, so it is an error; any other unknown key is a warning.
  let foreign: DocumentStructs.Keys

  /// Keys that belong elsewhere in the document, each with where.
  let misplaced: [String: String]

  /// How many faults get line and column: finding them costs a walk over the source.
  static let positionedFaults = 100
  /// How many faults get the nearest name: finding it costs a walk over all names.
  static let hintedFaults = 20

  /// How many faults the pass has found before this block.
  private let faultsBefore: Int

  init(foreign: DocumentStructs.Keys, misplaced: [String: String] = [:], faultsBefore: Int) {
    self.foreign = foreign
    self.misplaced = misplaced
    self.faultsBefore = faultsBefore
  }

  mutating func report(
    _ path: String, _ message: String, _ severity: DocumentFault.Severity = .error, at value: JSONValue? = nil
  ) {
    let position = faultsBefore + faults.count < Self.positionedFaults ? value?.position : nil
    faults.append(DocumentFault(path, message, severity: severity, at: position))
  }

  func hint(_ name: String, among names: [String]) -> String {
    faultsBefore + faults.count < Self.hintedFaults ? NearestName.hint(for: name, among: names) : ""
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
    // A field that is there but was refused has had its line; to the rules it counts as present.
    let rejected = Set(
      fields.filter { field in
        if case .object = field.kind {
          return false
        }
        return values[field.name] == nil && block.member(field.name).map { !$0.isZero } ?? false
      }.map(\.name))
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
    // Keys of an inner object belong to it alone.
    reportUnknownKeys(of: block, fields, path: path, owner: owner, passedOver, prefix.isEmpty ? foreign : [:])
    for field in fields {
      let place = DocumentPath.join(path, field.name)
      guard let value = block.member(field.name), !value.isZero || (field.isTrueByDefault && value.kind == .boolean)
      else {
        if field.isRequired {
          report(place, "required for \(owner); \(field.summary)", at: block)
        }
        continue
      }
      if case .object(let inner) = field.kind {
        readFields(
          of: value, inner, path: place, prefix: prefix + field.name + ".", owner: owner, [], into: &values)
      } else {
        do throws(ValueFault) {
          values[prefix + field.name] = try FieldDecoder.decode(value, as: field.kind)
        } catch {
          report(place, error.message + hint(error.misspelt ?? "", among: error.names), at: value)
        }
      }
    }
  }

  /// Decodes what `fields` there are of a block whose other keys are somebody else's to judge, for its faults only.
  mutating func readKnown(of block: JSONValue, _ fields: [FieldDescriptor], path: String) {
    for field in fields {
      guard let value = block.member(field.name), !value.isZero else {
        continue
      }
      do throws(ValueFault) {
        _ = try FieldDecoder.decode(value, as: field.kind)
      } catch {
        report(
          DocumentPath.join(path, field.name), error.message + hint(error.misspelt ?? "", among: error.names), at: value
        )
      }
    }
  }

  /// What can be said of a block whose type is not known: keys that no type reads.
  mutating func readUntyped(_ block: JSONValue, path: String, owner: String, passingOver names: [String]) {
    for member in block.members {
      guard let name = member.name.text, !names.contains(name), foreign[name] == nil else {
        continue
      }
      let way = misplaced[name].map { "; it belongs \($0)" } ?? hint(name, among: names + foreign.keys.sorted())
      report(DocumentPath.join(path, name), "unknown key of \(owner)\(way)", .warning, at: member.name)
    }
  }

  private mutating func reportUnknownKeys(
    of block: JSONValue, _ fields: [FieldDescriptor], path: String, owner: String, _ passedOver: [String],
    _ foreign: DocumentStructs.Keys
  ) {
    let known = fields.map(\.name) + passedOver
    for member in block.members {
      guard let name = member.name.text, !known.contains(name) else {
        continue
      }
      let place = DocumentPath.join(path, name)
      guard let others = foreign[name] else {
        let way = misplaced[name].map { "; it belongs \($0)" } ?? hint(name, among: known)
        report(place, "unknown key of \(owner)\(way)", .warning, at: member.name)
        continue
      }
      if !member.value.isZero {
        report(place, "belongs to \(others.joined(separator: ", ")), not to \(owner); remove it", at: member.name)
      }
    }
  }

  // MARK: - Rules

  private mutating func check(
    _ rule: FieldRule, _ values: FieldValues, _ rejected: Set<String>, _ block: JSONValue, path: String, owner: String
  ) {
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
