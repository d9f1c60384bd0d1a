import ExecutionModel
import SecretBytes

/// Reads one file of the folder: an execution, a list of them, or a bare job spec.
enum FolderDocument {
  /// Longest id, in bytes.
  static let longestID = 253

  /// The executions in it, each with an id; a bare job spec has the file's stem.
  ///
  /// - Throws: the document's first fault, in one line without the file's name.
  static func items(_ bytes: SecretBytes, name: String) throws(FolderFault) -> [ExecutionDocument.Item] {
    let document: ExecutionDocument
    do throws(DocumentFaults) {
      document = try ExecutionDocument(bytes, syntax: FolderName.syntax(name))
    } catch {
      throw .document(line(error))
    }
    guard document.nextToken == nil else {
      throw .document("next_token: only a part of a list; write all of it into the file")
    }
    var items: [ExecutionDocument.Item] = []
    var ids: Set<String> = []
    for item in document.items {
      let identified = item.isBareJobSpec ? item.identified(as: FolderName.stem(name)) : item
      guard let id = identified.id, !id.isEmpty else {
        throw .document("an execution without an id; give it one")
      }
      guard id.utf8.count <= longestID else {
        throw .document("an execution's id is longer than \(longestID) bytes")
      }
      guard ids.insert(id).inserted else {
        throw .document("the id \"\(DocumentPath.shown(id))\" is there twice")
      }
      items.append(identified)
    }
    return items
  }

  /// The first fault, and how many there are beside it.
  static func line(_ faults: DocumentFaults) -> String {
    let rest = faults.faults.count > 1 ? " (and \(faults.faults.count - 1) more)" : ""
    return (faults.faults.first?.line ?? "not a document") + rest
  }
}
