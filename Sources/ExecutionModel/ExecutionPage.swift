import JSONReader
import SecretBytes

/// One page of an orchestrator's list answer. Unlike ``ExecutionDocument`` it takes what is well-formed and tells what is not, so that
/// one broken execution does not hide a thousand others.
public struct ExecutionPage: Sendable {
  public struct Entry: Sendable {
    /// Its place in the answer: `items[3]`.
    public let path: String
    /// `nil` where it has none that can be read.
    public let id: String?
    /// `nil` where it is placed on no node, or that cannot be read.
    public let nodeID: String?
    /// Whether it may be any node's, since what says so is not as the API has it.
    public let hidesNode: Bool
    /// What is wrong with it, or the execution.
    public let item: Result<ExecutionDocument.Item, DocumentFaults>

    /// The same in memory of its own, so that one execution does not keep a page of others alive.
    public func detached() -> Entry {
      Entry(path: path, id: id, nodeID: nodeID, hidesNode: hidesNode, item: item.map { $0.detached() })
    }
  }

  public let entries: [Entry]
  /// `nil` on the last page.
  public let nextToken: String?

  /// - Throws: where the answer as a whole is not of the API's shape: `{"items": […], "next_token": "…"}`, either of them null or left
  ///   out.
  public init(_ bytes: SecretBytes) throws(DocumentFaults) {
    let root: JSONValue
    do throws(JSONFault) {
      root = try JSONValue.parse(bytes, limits: .document)
    } catch {
      throw DocumentFaults([DocumentFault("", "\(error)")])
    }
    guard root.kind == .object, ExecutionEnvelope.isList(root) else {
      throw DocumentFaults([DocumentFault("", "not a list of executions: there is no array `items`")])
    }
    nextToken = try ExecutionEnvelope.nextToken(of: root)
    var entries: [Entry] = []
    for (index, element) in try ExecutionEnvelope.entries(of: root).enumerated() {
      entries.append(Self.entry(element, path: "items[\(index)]"))
    }
    self.entries = entries
  }

  private static func entry(_ value: JSONValue, path: String) -> Entry {
    let node = value.member("node_id")
    let hidesNode = value.kind != .object || node.map { !$0.isNull && $0.text == nil } ?? false
    let item: Result<ExecutionDocument.Item, DocumentFaults>
    do throws(DocumentFaults) {
      guard !hidesNode || value.kind != .object else {
        throw DocumentFaults([DocumentFault(DocumentPath.join(path, "node_id"), "expected a string")])
      }
      item = .success(try ExecutionEnvelope.item(value, path: path))
    } catch {
      item = .failure(error)
    }
    return Entry(path: path, id: value.member("id")?.text, nodeID: node?.text, hidesNode: hidesNode, item: item)
  }
}
