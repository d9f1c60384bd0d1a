import ExecutionModel
import NodePolicy
import Resolution
import Text

/// One document of the node's watched folder, for a command that wants it without the daemon.
public enum FolderLookup {
  /// What is to be fetched for the document `name`, given with its ending or without, by the daemon's own rules.
  ///
  /// - Returns: `nil` where the folder has no such document.
  /// - Throws: every fault of the document, or why it is not to be resolved.
  public static func plan(
    named name: String, configuration: AgentConfiguration, policy: NodePolicy, catalog: ProviderCatalog
  ) throws(DocumentFaults) -> ExecutionPlan? {
    guard let folder = configuration.folder, isName(name), let document = try document(name, in: folder.path) else {
      return nil
    }
    let stem = FolderName.stem(name)
    guard let item = document.items.count == 1 ? document.items.first : document.items.first(where: { $0.id == stem })
    else {
      throw fault("the file holds \(document.items.count) executions, and none with this id")
    }
    let admission = DocumentAdmission(catalog: catalog, configuration: configuration, policy: policy, cache: nil)
    let (outcome, warnings) = admission.outcome(of: item, id: item.id ?? stem)
    switch outcome {
    case .accepted(let admitted): return admitted.plan
    case .ended(let reason), .waiting(let reason): throw fault(reason)
    case .refused(let lines): throw DocumentFaults((lines + warnings).map { DocumentFault("", $0) })
    }
  }

  /// Whether it is a name within the folder.
  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
      && name.utf8.count <= FolderDocument.longestID
  }

  private static func document(_ name: String, in path: String) throws(DocumentFaults) -> FolderDocument? {
    let names = FolderName.isDocument(name) ? [name] : FolderName.endings.map { name + $0 }
    do throws(FolderFault) {
      let folder = try OpenFolder(path)
      for name in names {
        do throws(FolderFault) {
          return try FolderDocument(try folder.read(name).bytes, name: name)
        } catch .missing {}
      }
      return nil
    } catch {
      throw fault("\(ShownText.clean(path, atMost: 1024)): \(error.message)")
    }
  }

  private static func fault(_ message: String) -> DocumentFaults { DocumentFaults([DocumentFault("", message)]) }
}
