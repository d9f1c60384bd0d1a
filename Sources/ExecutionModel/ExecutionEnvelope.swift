import JSONReader
import Text

/// The shapes that documents come in, by the orchestrator's API and as people write them by hand: a list of executions, one
/// execution, `{"execution": …}`, `{"job": …}`, a bare job spec, or any of these below `spec`.
struct ExecutionEnvelope {
  let items: [ExecutionDocument.Item]
  let nextToken: String?
  let isList: Bool

  /// Wrappers in wrappers: more than this nobody writes.
  private static let deepest = 4

  init(_ root: JSONValue) throws(DocumentFaults) {
    self = try Self.read(root, name: nil, depth: 0)
  }

  private init(_ item: ExecutionDocument.Item) {
    items = [item]
    nextToken = nil
    isList = false
  }

  private init(list root: JSONValue) throws(DocumentFaults) {
    let entries = try Self.entries(of: root)
    var items: [ExecutionDocument.Item] = []
    var faults: [DocumentFault] = []
    for (index, element) in entries.enumerated() {
      do throws(DocumentFaults) {
        items.append(try Self.item(element, path: "items[\(index)]"))
      } catch {
        faults += error.faults
      }
    }
    guard faults.isEmpty else {
      throw DocumentFaults(faults)
    }
    self.items = items
    nextToken = try Self.nextToken(of: root)
    isList = true
  }

  private static func read(
    _ value: JSONValue, name: String?, depth: Int
  ) throws(DocumentFaults) -> ExecutionEnvelope {
    guard value.kind == .object else {
      throw fault("", "expected an execution, a list of them or a job spec, found \(value.kind.phrase)", value)
    }
    if isList(value) {
      return try ExecutionEnvelope(list: value)
    }
    let wrapped = value.member("spec").flatMap { $0.kind == .object ? $0 : nil }
    if value.member("job_spec") != nil || hasBlocks(value) || depth >= deepest {
      if let wrapped, hasBlocks(wrapped) {
        throw fault("spec", "there are secrets inside and outside of it; keep one of the two", wrapped)
      }
      return ExecutionEnvelope(try item(value, path: "", name: name))
    }
    let outerName = value.member("name")?.text ?? name
    if let execution = value.member("execution"), execution.kind == .object {
      let alone = try item(execution, path: "")
      guard !alone.hasJobSpec, let job = value.member("job"), job.kind == .object else {
        return ExecutionEnvelope(alone)
      }
      // An answer that gives the execution and its job beside each other.
      let specification = try read(job, name: outerName, depth: depth + 1).items.first
      return ExecutionEnvelope(specification.map { alone.completed(by: $0) } ?? alone)
    }
    if let job = value.member("job"), job.kind == .object {
      return try read(job, name: outerName, depth: depth + 1)
    }
    if let wrapped {
      return try read(wrapped, name: outerName, depth: depth + 1)
    }
    return ExecutionEnvelope(try item(value, path: "", name: name))
  }

  // MARK: - One item

  /// An execution with or without its job spec, or a bare job spec.
  static func item(_ value: JSONValue, path: String, name: String? = nil) throws(DocumentFaults)
    -> ExecutionDocument.Item
  {
    guard value.kind == .object else {
      throw fault(path, "expected an execution, found \(value.kind.phrase)", value)
    }
    let id = value.member("id")?.text
    if let spec = value.member("job_spec") {
      guard spec.kind == .object || spec.isNull else {
        throw fault(DocumentPath.join(path, "job_spec"), "expected an object, found \(spec.kind.phrase)", spec)
      }
      return ExecutionDocument.Item(id: id, execution: value, jobSpec: spec.isNull ? nil : spec, path: path)
    }
    if hasBlocks(value) {
      return ExecutionDocument.Item(id: id, execution: nil, jobSpec: value, outerName: name, path: path)
    }
    if isExecution(value) || !path.isEmpty {
      return ExecutionDocument.Item(id: id, execution: value, jobSpec: nil, path: path)
    }
    guard isJobSpec(value) else {
      throw fault(
        path, "neither an execution (job_spec), a list of them (items) nor a job spec (secret_providers, secrets)",
        value)
    }
    return ExecutionDocument.Item(id: id, execution: nil, jobSpec: value, outerName: name, path: path)
  }

  private static func hasBlocks(_ value: JSONValue) -> Bool {
    value.member("secrets") != nil || value.member("secret_providers") != nil
  }

  private static func isExecution(_ value: JSONValue) -> Bool {
    ["job_id", "eval_id", "node_id", "job_version"].contains { value.member($0) != nil }
      || (value.member("id") != nil && value.member("status") != nil)
  }

  /// Members of a job spec beside the two blocks.
  static let jobSpecNames = [
    "config", "description", "labels", "meta", "name", "namespace", "priority", "restart_policy", "rollout", "selector",
    "timeouts", "type",
  ]

  /// A job spec that declares no secrets, or misspells what declares them.
  private static func isJobSpec(_ value: JSONValue) -> Bool {
    jobSpecNames.contains { value.member($0) != nil }
      || value.members.contains { member in
        NearestName.suggestion(for: member.name.text ?? "", among: ["secrets", "secret_providers"]) != nil
      }
  }

  // MARK: - Lists

  /// A list may leave out, or write as null, what it has none of: also an object of nothing is one.
  static func isList(_ value: JSONValue) -> Bool {
    guard value.member("job_spec") == nil else {
      return false
    }
    return value.member("items") != nil || value.count == 0 || (value.count == 1 && value.member("next_token") != nil)
  }

  /// The elements of `items`, which may be null or absent.
  static func entries(of list: JSONValue) throws(DocumentFaults) -> [JSONValue] {
    guard let items = list.member("items"), !items.isNull else {
      return []
    }
    guard items.kind == .array else {
      throw fault("items", "expected an array, found \(items.kind.phrase)", items)
    }
    return Array(items.elements)
  }

  /// `nil` on the last page.
  static func nextToken(of list: JSONValue) throws(DocumentFaults) -> String? {
    guard let token = list.member("next_token"), !token.isNull else {
      return nil
    }
    guard let text = token.text else {
      throw fault("next_token", "expected a string, found \(token.kind.phrase)", token)
    }
    return text.isEmpty ? nil : text
  }

  static func fault(_ path: String, _ message: String, _ at: JSONValue) -> DocumentFaults {
    DocumentFaults([DocumentFault(path, message, at: at.position)])
  }
}
