import ExecutionModel
import NodePolicy
import Refresh
import Resolution
import SealedCache
import SecretBytes

/// Decides what becomes of an execution's newest document: by its own validity, its states, the node policy and the configuration.
struct DocumentAdmission {
  enum Outcome {
    case accepted(Admitted)
    case ended(String)
    /// It may be accepted once more of it is known.
    case waiting(String)
    /// Every reason, one line each.
    case refused([String])
  }

  /// What is to be done for a valid document.
  struct Admitted {
    let execution: Execution
    let plan: ExecutionPlan
    let subscriptions: [Subscription]
    /// What connections go on with that an earlier life of the process had.
    let handovers: [(connection: ProviderConnection, handover: SecretBytes)]
    /// Name of its output folder beneath the root.
    let folder: String
    /// What its file in the cache holds.
    let kept: CachedGeneration?
    /// Why what the cache has of it is not used.
    let cacheProblem: String?
  }

  let catalog: ProviderCatalog
  let configuration: AgentConfiguration
  let policy: NodePolicy
  /// Whose values it begins with; `nil`: it has its own already, or there is no cache.
  let cache: GenerationCache?

  /// What documents are held against on this node.
  var context: ValidationContext {
    ValidationContext(nodeName: configuration.nodeID, policy: policy, variables: configuration.outputs.environmentFile)
  }

  /// - Returns: the outcome, and the document's warnings.
  func outcome(of item: ExecutionDocument.Item, id: String) -> (Outcome, warnings: [String]) {
    let rules = DocumentRules(
      catalog: catalog, context: context, policy: policy, asEnvironment: configuration.outputs.environmentFile != nil)
    var warnings: [String] = []
    do throws(DocumentRefusal) {
      let validation = try rules.validate(item)
      warnings = validation.warnings
      return (try outcome(of: validation.execution, item, id, by: rules), warnings)
    } catch {
      return (.refused(error.lines), warnings + error.warnings)
    }
  }

  private func outcome(
    of execution: Execution, _ item: ExecutionDocument.Item, _ id: String, by rules: DocumentRules
  ) throws(DocumentRefusal) -> Outcome {
    if let end = execution.states.end {
      return .ended(end)
    }
    guard execution.hasJobSpec else {
      return .waiting("job_spec: missing, so what secrets the execution wants is not known")
    }
    try rules.allow(execution, in: item)
    guard let folder = OutputFolderName.name(configuration.outputs.folder, for: execution, id: id) else {
      return .refused(
        ["no output folder can be named after it: outputs.folder is \(configuration.outputs.folder)"])
    }
    let plan = ExecutionPlan(execution)
    let restored = cache?.restore(execution, item, id) ?? GenerationCache.Restored()
    return .accepted(
      Admitted(
        execution: execution, plan: plan,
        subscriptions: plan.subscriptions.map { $0.beginning(with: restored.values[$0.reference]) },
        handovers: plan.groups.compactMap { group in
          restored.handovers[group.connection.name].map { (group.connection, $0) }
        }, folder: folder, kept: restored.kept, cacheProblem: restored.problem))
  }
}
