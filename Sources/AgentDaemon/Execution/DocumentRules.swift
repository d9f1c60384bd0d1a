import ExecutionModel
import NodePolicy
import ProviderKit

/// Why a document is not to be, one line a reason.
struct DocumentRefusal: Error {
  let lines: [String]
  /// What refuses nothing, but often explains what does: a key that is misspelled, where one is missing.
  let warnings: [String]
  /// Whether the node policy says so, and not the document itself.
  let isPolicy: Bool

  init(_ lines: [String], warnings: [String] = [], isPolicy: Bool = false) {
    self.lines = lines
    self.warnings = warnings
    self.isPolicy = isPolicy
  }

  init(_ faults: DocumentFaults) {
    let errors = faults.faults.filter { $0.severity == .error }.map(\.line)
    let warnings = faults.faults.filter { $0.severity == .warning }.map(\.line)
    self.init(errors.isEmpty ? ["the document is refused"] : errors, warnings: warnings)
  }
}

/// What every document is held against on this node, whoever wants its values.
struct DocumentRules: Sendable {
  let catalog: ProviderCatalog
  let context: ValidationContext
  let policy: NodePolicy
  /// Whether its secrets are to become variables.
  let asEnvironment: Bool

  /// - Returns: the execution, and the document's warnings.
  func validate(
    _ item: ExecutionDocument.Item
  ) throws(DocumentRefusal) -> (execution: Execution, warnings: [String]) {
    do throws(DocumentFaults) {
      let (execution, warnings) = try catalog.validate(item, in: context)
      return (execution, warnings.map(\.line))
    } catch {
      throw DocumentRefusal(error)
    }
  }

  /// - Parameter item: what `execution` was read from.
  func allow(_ execution: Execution, in item: ExecutionDocument.Item) throws(DocumentRefusal) {
    let refusals = PolicyGate.refusals(of: execution, in: item, by: policy, asEnvironment: asEnvironment)
    guard refusals.isEmpty else {
      throw DocumentRefusal(refusals.map(\.line), isPolicy: true)
    }
  }
}
