import ExecutionModel
import SecretBytes
import Text

/// Reads one file of the folder: an execution, a list of them, or a bare job spec.
struct FolderDocument {
  /// Longest id, in bytes.
  static let longestID = 253

  /// Each with an id; a bare job spec has the file's stem.
  let items: [ExecutionDocument.Item]
  /// Whether it is one page of a longer list, so that what it lacks may be on another.
  let isPartial: Bool

  /// - Throws: the document's first fault, in one line without the file's name.
  init(_ bytes: SecretBytes, name: String) throws(FolderFault) {
    let document: ExecutionDocument
    do throws(DocumentFaults) {
      document = try ExecutionDocument(bytes, syntax: FolderName.syntax(name))
    } catch {
      throw .document(Self.line(error))
    }
    isPartial = document.nextToken != nil
    var items: [ExecutionDocument.Item] = []
    var ids: Set<String> = []
    for item in document.items {
      let identified = item.isBareJobSpec ? item.identified(as: FolderName.stem(name)) : item
      guard let id = identified.id, !id.isEmpty else {
        throw .document("an execution without an id; give it one")
      }
      guard id.utf8.count <= Self.longestID else {
        throw .document("an execution's id is longer than \(Self.longestID) bytes")
      }
      guard ids.insert(id).inserted else {
        throw .document("the id \"\(ShownText.clean(id))\" is there twice")
      }
      items.append(identified)
    }
    self.items = items
  }

  /// The first fault, and how many there are beside it.
  static func line(_ faults: DocumentFaults) -> String {
    let rest = faults.faults.count > 1 ? " (and \(faults.faults.count - 1) more)" : ""
    return (faults.faults.first?.line ?? "not a document") + rest
  }
}
