import AgentDaemon
import Delivery
import ExecutionModel
import NodePolicy
import ProviderKit
import SecretBytes

/// A document that a command reads.
struct DocumentSource {
  let path: String
  let choice: DocumentChoice

  private var log: LogOptions { choice.log }

  /// The node policy of a person's command: their own rights, or the file they name.
  func loadPolicy() throws -> NodePolicy {
    guard let policy = choice.policy else {
      return .personal
    }
    let bytes = try InputFile.read(policy, limit: 1024 * 1024, log.faults, otherwise: .invalidConfiguration)
    do throws(DocumentFaults) {
      return try PolicyFile.parse(bytes, over: .strict, origin: policy)
    } catch {
      for fault in error.faults {
        log.faults.error("\(policy): \(fault.line)", ["class": "configuration"])
      }
      throw ExitStatus.invalidConfiguration.code
    }
  }

  /// The document's items, or the one that `--execution` names.
  func load() throws -> (items: [ExecutionDocument.Item], isList: Bool) {
    let document = try parse()
    return (try choice.execution.map { id in [try item(of: document, id)] } ?? document.items, document.isList)
  }

  /// The one execution of the document, validated and held against `policy`; prints every fault and warning, and sends nothing.
  ///
  /// - Parameter variables: the format of the env file that the secrets are for; `nil`: files only.
  func loadExecution(policy: NodePolicy, variables: EnvironmentFormat?) throws -> Execution {
    try loadWhole(policy: policy, variables: variables).0
  }

  /// The same with the item as it was written.
  func loadWhole(
    policy: NodePolicy, variables: EnvironmentFormat?
  ) throws -> (Execution, ExecutionDocument.Item) {
    let item = try item(of: try parse(), choice.execution)
    let checked = check(item, policy, variables)
    if let status = checked.status {
      throw status.code
    }
    guard item.hasJobSpec else {
      log.faults.print(
        DocumentFault(
          "job_spec",
          "the execution came without it, so what secrets it wants is not known here; give the job's own document"))
      throw ExitStatus.invalidDocument.code
    }
    return (checked.execution, item)
  }

  /// What one item comes to.
  struct Checked {
    let execution: Execution
    let warnings: Int
    /// What the policy refuses of it.
    let refusals: [PolicyRefusal]
    /// `nil`: good.
    let status: ExitStatus?
  }

  /// Holds `item` against the schema, the outputs and the policy in one pass, and prints all that is wrong.
  func check(_ item: ExecutionDocument.Item, _ policy: NodePolicy, _ variables: EnvironmentFormat?) -> Checked {
    let context = ValidationContext(nodeName: AgentConfiguration.hostName, policy: policy, variables: variables)
    let validation = registry.catalog.examine(item, in: context)
    for fault in validation.faults {
      log.faults.print(fault, treatingAsError: choice.strict)
    }
    let refusals = PolicyGate.refusals(
      of: validation.execution, in: item, by: policy, asEnvironment: variables != nil)
    for refusal in refusals {
      log.faults.print(refusal)
    }
    let isValid = choice.strict ? validation.faults.isEmpty : validation.isValid
    return Checked(
      execution: validation.execution, warnings: validation.faults.count, refusals: refusals.map(\.refusal),
      status: isValid ? refusals.isEmpty ? nil : .denied : .invalidDocument)
  }

  // MARK: - Reading

  private func parse() throws -> ExecutionDocument {
    let bytes = try InputFile.read(
      path, limit: ExecutionDocument.maximumBytes, log.faults, otherwise: .invalidDocument)
    let syntax: ExecutionDocument.Syntax =
      path.hasSuffix(".yaml") || path.hasSuffix(".yml") ? .yaml : .detected
    do throws(DocumentFaults) {
      return try ExecutionDocument(bytes, syntax: syntax)
    } catch {
      throw invalid(error)
    }
  }

  private func item(of document: ExecutionDocument, _ id: String?) throws -> ExecutionDocument.Item {
    do throws(DocumentFaults) {
      return try document.item(id)
    } catch {
      throw invalid(error)
    }
  }

  private func invalid(_ faults: DocumentFaults) -> any Error {
    for fault in faults.faults {
      log.faults.print(fault)
    }
    return ExitStatus.invalidDocument.code
  }
}
