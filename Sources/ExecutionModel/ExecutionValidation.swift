import JSONReader

/// The provider types that this build knows, and how to turn a document's item into an ``Execution``.
public struct ProviderCatalog: Sendable {
  public let descriptors: [ProviderDescriptor]

  public init(_ descriptors: [ProviderDescriptor]) {
    self.descriptors = descriptors
  }

  public func descriptor(_ type: String) -> ProviderDescriptor? {
    descriptors.first { $0.type == type || $0.aliases.contains(type) }
  }

  /// Decodes and validates one item; finds every fault in one pass and sends nothing anywhere.
  ///
  /// - Returns: the execution, and the warnings.
  /// - Throws: all faults, warnings among them, where at least one is an error.
  public func validate(
    _ item: ExecutionDocument.Item
  ) throws(DocumentFaults) -> (execution: Execution, warnings: [DocumentFault]) {
    var pass = ValidationPass(catalog: self, item: item)
    let execution = pass.run()
    guard let execution, !pass.faults.contains(where: { $0.severity == .error }) else {
      throw DocumentFaults(pass.faults)
    }
    return (execution, pass.faults)
  }
}

/// One pass over one item.
struct ValidationPass {
  let catalog: ProviderCatalog
  let item: ExecutionDocument.Item
  var faults: [DocumentFault] = []
  /// By name; `nil` where the entry itself is faulty, so that its secrets are not blamed for it.
  var providers: [String: ProviderConnection?] = [:]

  init(catalog: ProviderCatalog, item: ExecutionDocument.Item) {
    self.catalog = catalog
    self.item = item
  }

  /// Paths start at the two blocks, as users write them, but for the items of a list.
  func path(_ name: String) -> String {
    item.path.isEmpty ? name : "\(item.path).job_spec.\(name)"
  }

  /// A position costs a walk over the source, so a document of ten thousand faults gets them for the first hundred only.
  mutating func report(
    _ path: String, _ message: String, severity: DocumentFault.Severity = .error, at value: JSONValue?
  ) {
    let position = faults.count < BlockReader.positionedFaults ? value?.position : nil
    faults.append(DocumentFault(path, message, severity: severity, at: position))
  }

  mutating func run() -> Execution? {
    checkID()
    let state = desiredState()
    let connections = readProviders()
    let entries = readSecrets()
    checkCollisions(entries)
    let execution = item.execution
    return Execution(
      id: item.id, jobID: execution?.member("job_id")?.text,
      namespace: (execution ?? item.jobSpec).member("namespace")?.text,
      nodeID: execution?.member("node_id")?.text, name: item.jobSpec.member("name")?.text,
      desiredState: state, providers: connections, secrets: entries)
  }

  private mutating func checkID() {
    guard let execution = item.execution else {
      return
    }
    guard let id = execution.member("id")?.text, !id.isEmpty else {
      report("id", "required: the execution's id, a string", at: execution)
      return
    }
    if id.utf8.count > SecretName.longest {
      report("id", "longer than 253 bytes", at: execution.member("id"))
    }
  }

  /// The words of older revisions are `run` for running and `complete` for stopped; a document without a state is wanted.
  private mutating func desiredState() -> Execution.DesiredState {
    let path = "status.desired_state.state_type"
    guard
      let value = item.execution?.member("status")?.member("desired_state")?.member("state_type"), !value.isNull
    else {
      return .running
    }
    switch value.text?.lowercased() {
    case "pending": return .pending
    case "running", "run": return .running
    case "stopped", "stop", "complete", "completed", "failed": return .stopped
    default:
      report(path, "expected pending, running or stopped; read as running", severity: .warning, at: value)
      return .running
    }
  }
}
