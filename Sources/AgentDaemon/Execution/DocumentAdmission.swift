import ExecutionModel
import NodePolicy
import ProviderKit

/// Decides what becomes of an execution's newest document: by its own validity, its states, the node policy and the configuration.
struct DocumentAdmission {
  enum Outcome {
    /// - Parameter folder: name of its output folder beneath the root.
    case accepted(Execution, folder: String)
    case ended(String)
    /// It may be accepted once more of it is known.
    case waiting(String)
    /// Every reason, one line each.
    case refused([String])
  }

  let catalog: ProviderCatalog
  let configuration: AgentConfiguration
  let policy: NodePolicy

  /// What documents are held against on this node.
  var context: ValidationContext {
    ValidationContext(nodeName: configuration.nodeID, policy: policy, variables: configuration.outputs.environmentFile)
  }

  /// - Returns: the outcome, and the document's warnings where it is valid.
  func outcome(of item: ExecutionDocument.Item, id: String) -> (Outcome, warnings: [String]) {
    do throws(DocumentFaults) {
      let (execution, warnings) = try catalog.validate(item, in: context)
      return (outcome(of: execution, item, id), warnings.map(\.line))
    } catch {
      let lines = error.faults.filter { $0.severity == .error }.map(\.line)
      return (.refused(lines.isEmpty ? ["the document is refused"] : lines), [])
    }
  }

  private func outcome(of execution: Execution, _ item: ExecutionDocument.Item, _ id: String) -> Outcome {
    if let end = execution.states.end {
      return .ended(end)
    }
    guard execution.hasJobSpec else {
      return .waiting("job_spec: missing, so what secrets the execution wants is not known")
    }
    let refusals = PolicyGate.refusals(
      of: execution, in: item, by: policy, asEnvironment: configuration.outputs.environmentFile != nil)
    guard refusals.isEmpty else {
      return .refused(refusals.map(\.line))
    }
    guard let folder = OutputFolderName.name(configuration.outputs.folder, for: execution, id: id) else {
      return .refused(
        ["no output folder can be named after it: outputs.folder is \(configuration.outputs.folder)"])
    }
    return .accepted(execution, folder: folder)
  }
}
