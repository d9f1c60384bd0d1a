import JSONReader
import SecretBytes
import Text
import YAMLReader

/// A document that was read but not validated yet: executions or job specs in one of the shapes of ``ExecutionEnvelope``.
public struct ExecutionDocument: Sendable {
  /// How the bytes are written.
  public enum Syntax: Sendable {
    case json
    case yaml
    /// JSON where the first character that counts is `{` or `[`, else YAML.
    case detected
  }

  public static let maximumBytes = 16 * 1024 * 1024
  public static let maximumSecrets = 10_000

  public let items: [Item]
  /// The token of a list answer that has more pages.
  public let nextToken: String?
  /// Whether the document is a list, of however many executions.
  public let isList: Bool

  /// Reads `bytes`; what else an execution carries is read past.
  ///
  /// - Throws: with line and column: bytes that are not JSON or YAML, a shape that is none of the API's.
  public init(_ bytes: SecretBytes, syntax: Syntax = .detected) throws(DocumentFaults) {
    let envelope = try ExecutionEnvelope(Self.parse(bytes, syntax))
    items = envelope.items
    nextToken = envelope.nextToken
    isList = envelope.isList
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
      throw DocumentFaults([DocumentFault("", "\(reason) \"\(ShownText.clean(id))\"; \(idList)")])
    }
    guard let only = items.first else {
      throw DocumentFaults([DocumentFault("", "the list is empty: there is no execution in it")])
    }
    guard items.count == 1 else {
      throw DocumentFaults([DocumentFault("", "choose an execution with --execution ID; \(idList)")])
    }
    return only
  }

  private var idList: String {
    guard !items.isEmpty else {
      return "the list is empty"
    }
    let ids = items.prefix(20).map { ShownText.clean($0.id ?? "(without id)") }
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
}
