import JSONReader
import SecretBytes
import YAMLReader

/// A document that was read but not validated yet: one execution, a page of several, or a bare job spec.
public struct ExecutionDocument: Sendable {
  /// How the bytes are written.
  public enum Syntax: Sendable {
    case json
    case yaml
    /// JSON where the first character that counts is `{` or `[`, else YAML.
    case detected
  }

  /// One execution's place in the document.
  public struct Item: Sendable {
    public let id: String?
    let execution: JSONValue?
    let jobSpec: JSONValue
    /// `items[3]` and the like, empty for a document of one.
    let path: String

    /// Whether it is a job spec without the execution around it.
    public var isBareJobSpec: Bool { execution == nil }

    /// The same under an id that it does not say itself: a bare job spec has none of its own.
    public func identified(as id: String) -> Item {
      Item(id: id, execution: execution, jobSpec: jobSpec, path: path)
    }

    /// The same in memory of its own, without the rest of its document.
    func detached() -> Item {
      guard let copy = try? JSONValue.parse((execution ?? jobSpec).sourceText.detached(), limits: .document) else {
        return self
      }
      guard execution != nil else {
        return Item(id: id, execution: nil, jobSpec: copy, path: path)
      }
      return copy.member("job_spec").map { Item(id: id, execution: copy, jobSpec: $0, path: path) } ?? self
    }

    /// Whether it was read from the same text as `other`, so that nothing can have changed.
    public func isSame(as other: Item) -> Bool {
      id == other.id && (execution ?? jobSpec).sourceText == (other.execution ?? other.jobSpec).sourceText
    }
  }

  public static let maximumBytes = 16 * 1024 * 1024
  public static let maximumSecrets = 10_000

  public let items: [Item]
  /// The token of a list answer that has more pages.
  public let nextToken: String?

  /// Reads `bytes`; the fields of executions other than `id`, `job_spec`, `status` and the few names are read past.
  ///
  /// - Throws: one fault with line and column for bytes that are not JSON or YAML, or a shape that is none of the three.
  public init(_ bytes: SecretBytes, syntax: Syntax = .detected) throws(DocumentFaults) {
    let root = try Self.parse(bytes, syntax)
    guard root.kind == .object else {
      throw DocumentFaults([
        DocumentFault("", "expected an execution, a list of them or a job spec, found \(root.kind.phrase)")
      ])
    }
    if let list = root.member("items"), root.member("job_spec") == nil {
      self.items = try Self.items(of: list)
      self.nextToken = root.member("next_token")?.text.flatMap { $0.isEmpty ? nil : $0 }
    } else {
      self.items = [try Self.item(root, path: "")]
      self.nextToken = nil
    }
  }

  /// The one execution that `id` names, or the only one there is.
  ///
  /// - Throws: a fault that lists the ids where `id` is not among them, or is `nil` while there are several.
  public func item(_ id: String?) throws(DocumentFaults) -> Item {
    if let id {
      let matches = items.filter { $0.id == id }
      if matches.count == 1, let match = matches.first {
        return match
      }
      let reason = matches.isEmpty ? "no execution has the id" : "several executions have the id"
      throw DocumentFaults([DocumentFault("", "\(reason) \"\(DocumentPath.shown(id))\"; \(idList)")])
    }
    guard let only = items.first, items.count == 1 else {
      throw DocumentFaults([DocumentFault("", "choose an execution with --execution ID; \(idList)")])
    }
    return only
  }

  private var idList: String {
    guard !items.isEmpty else {
      return "the list is empty"
    }
    let ids = items.prefix(20).map { DocumentPath.shown($0.id ?? "(without id)") }
    let rest = items.count > 20 ? " and \(items.count - 20) more" : ""
    return "there are: \(ids.joined(separator: ", "))\(rest)"
  }

  private static func parse(_ bytes: SecretBytes, _ syntax: Syntax) throws(DocumentFaults) -> JSONValue {
    guard bytes.count <= maximumBytes else {
      throw DocumentFaults([DocumentFault("", "larger than 16 MiB")])
    }
    do throws(JSONFault) {
      let isJSON: Bool
      switch syntax {
      case .json: isJSON = true
      case .yaml: isJSON = false
      case .detected: isJSON = looksLikeJSON(bytes)
      }
      return isJSON
        ? try JSONValue.parse(bytes, limits: .document) : try YAMLReader.parse(bytes, limits: .document)
    } catch {
      throw DocumentFaults([DocumentFault("", "\(error)")])
    }
  }

  private static func looksLikeJSON(_ bytes: SecretBytes) -> Bool {
    bytes.withUnsafeBytes { bytes in
      let first = bytes.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0a && $0 != 0x0d }
      return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    }
  }

  private static func items(of list: JSONValue) throws(DocumentFaults) -> [Item] {
    if list.isNull {
      return []
    }
    guard list.kind == .array else {
      throw DocumentFaults([DocumentFault("items", "expected an array, found \(list.kind.phrase)", at: list.position)])
    }
    var items: [Item] = []
    var faults: [DocumentFault] = []
    for (index, element) in list.elements.enumerated() {
      do throws(DocumentFaults) {
        items.append(try item(element, path: "items[\(index)]"))
      } catch {
        faults += error.faults
      }
    }
    guard faults.isEmpty else {
      throw DocumentFaults(faults)
    }
    return items
  }

  static func item(_ value: JSONValue, path: String) throws(DocumentFaults) -> Item {
    func fault(_ place: String, _ message: String, _ at: JSONValue) -> DocumentFaults {
      DocumentFaults([DocumentFault(place, message, at: at.position)])
    }
    guard value.kind == .object else {
      throw fault(path, "expected an execution, found \(value.kind.phrase)", value)
    }
    if let spec = value.member("job_spec") {
      guard spec.kind == .object else {
        throw fault(DocumentPath.join(path, "job_spec"), "expected an object, found \(spec.kind.phrase)", spec)
      }
      return Item(id: value.member("id")?.text, execution: value, jobSpec: spec, path: path)
    }
    guard value.member("secret_providers") != nil || value.member("secrets") != nil else {
      throw fault(
        path, "neither an execution (job_spec), a list of them (items) nor a job spec (secret_providers, secrets)",
        value)
    }
    return Item(id: value.member("id")?.text, execution: nil, jobSpec: value, path: path)
  }
}
