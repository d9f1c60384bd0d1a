import AWSProvider
import AzureProvider
import ExecutionModel
import FileProvider
import GCPProvider
import Resolution
import SecretBytes
import Text
import VaultProvider

/// A document of executions, JSON or YAML, read and validated against every provider type.
struct DocumentTarget: FuzzTarget {
  static let name = "Document"

  private let catalog = ProviderRegistry([
    VaultProvider.self, SecretsManagerProvider.self, ParameterStoreProvider.self, STSProvider.self,
    GCPSecretManagerProvider.self, AzureKeyVaultProvider.self, FileProvider.self,
  ]).catalog

  /// Taken is what holds a valid execution.
  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let document: ExecutionDocument
    do throws(DocumentFaults) {
      document = try ExecutionDocument(input)
    } catch {
      try check(error.faults, in: input)
      try hold(!error.faults.isEmpty, "a refusal says why")
      return false
    }
    try hold(document.isList || document.items.count == 1, "what is no list is one execution")
    var isValid = false
    for item in document.items.prefix(8) {
      let validation = catalog.examine(item)
      try check(validation.faults, in: input)
      try hold(validation.execution.secrets.count <= ExecutionDocument.maximumSecrets, "secrets have a bound")
      let again = catalog.examine(item)
      try hold(again.faults == validation.faults, "a second pass finds the same")
      try hold(again.execution == validation.execution, "a second pass reads the same")
      isValid = isValid || validation.isValid
    }
    return isValid
  }
}

/// One page of an orchestrator's list.
struct PageTarget: FuzzTarget {
  static let name = "Page"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    let page: ExecutionPage
    do throws(DocumentFaults) {
      page = try ExecutionPage(input)
    } catch {
      try check(error.faults, in: input)
      return false
    }
    try hold(page.nextToken != "", "an empty token ends the pages")
    for entry in page.entries {
      let alone = entry.detached()
      try hold(alone.id == entry.id && alone.nodeID == entry.nodeID, "an execution alone is the same")
      switch (entry.item, alone.item) {
      case (.success(let one), .success(let other)): try hold(one.id == other.id, "an execution alone is the same")
      case (.failure(let faults), .failure):
        try check(faults.faults, in: input)
      default: throw BrokenProperty(description: "an execution alone is the same")
      }
    }
    return true
  }
}

/// What is told of a fault goes to terminals and logs, and says a place that is there.
func check(_ faults: [DocumentFault], in input: SecretBytes) throws(BrokenProperty) {
  let lines = input.mostLines
  for fault in faults {
    try hold(!fault.line.isEmpty, "a fault says something")
    try hold(fault.line.utf8.allSatisfy { !$0.isControl }, "a fault is one line")
    if let position = fault.position {
      try hold((1...lines).contains(position.line), "the fault is in the text")
    }
  }
}
