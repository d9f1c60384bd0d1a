import JSONReader
import Text

/// What a document is held against beside the provider types: the node that it is to run on.
public struct ValidationContext: Sendable {
  /// What the node is called where the document does not say.
  public var nodeName: String
  /// The shortest interval at which a secret is refreshed.
  public var minRefresh: GoDuration
  /// Why the outputs cannot carry a secret of the name, and the way out; `nil` where they can.
  public var nameObstacle: @Sendable (String) -> String?
  /// Which of the node's credential rules are for an execution.
  public var grant: @Sendable (ExecutionSubject) -> CredentialGrant

  public init(
    nodeName: String = "localhost", minRefresh: GoDuration = GoDuration(nanoseconds: 1_000_000_000),
    nameObstacle: @escaping @Sendable (String) -> String? = { _ in nil },
    grant: @escaping @Sendable (ExecutionSubject) -> CredentialGrant = { _ in .none }
  ) {
    self.nodeName = nodeName
    self.minRefresh = minRefresh
    self.nameObstacle = nameObstacle
    self.grant = grant
  }
}

/// What one pass over an item came to.
public struct Validation: Sendable {
  /// What could be read: providers and secrets with an error are left out.
  public let execution: Execution
  /// Errors and warnings, in the order of the document.
  public let faults: [DocumentFault]

  public var isValid: Bool { !faults.contains { $0.severity == .error } }
}

/// The provider types that this build knows, and how to turn a document's item into an ``Execution``.
public struct ProviderCatalog: Sendable {
  public let descriptors: [ProviderDescriptor]
  let structs: DocumentStructs

  public init(_ descriptors: [ProviderDescriptor]) {
    self.descriptors = descriptors
    self.structs = DocumentStructs(descriptors)
  }

  public func descriptor(_ type: String) -> ProviderDescriptor? {
    descriptors.first { $0.type == type || $0.aliases.contains(type) }
  }

  /// Decodes and validates one item; finds every fault in one pass and sends nothing anywhere.
  public func examine(_ item: ExecutionDocument.Item, in context: ValidationContext = .init()) -> Validation {
    var pass = ValidationPass(catalog: self, item: item, context: context)
    let execution = pass.run()
    return Validation(execution: execution, faults: pass.faults)
  }

  /// The same where only a valid document is of use.
  ///
  /// - Returns: the execution, and the warnings.
  /// - Throws: all faults, warnings among them, where at least one is an error.
  public func validate(
    _ item: ExecutionDocument.Item, in context: ValidationContext = .init()
  ) throws(DocumentFaults) -> (execution: Execution, warnings: [DocumentFault]) {
    let validation = examine(item, in: context)
    guard validation.isValid else {
      throw DocumentFaults(validation.faults)
    }
    return (validation.execution, validation.faults)
  }
}

/// One pass over one item.
struct ValidationPass {
  /// A named provider as far as its secrets need it.
  struct NamedProvider {
    let descriptor: ProviderDescriptor
    /// `nil` where the entry itself is faulty, so that its secrets are not blamed for it.
    let connection: ProviderConnection?
  }

  let catalog: ProviderCatalog
  let item: ExecutionDocument.Item
  let context: ValidationContext
  let grant: CredentialGrant
  var faults: [DocumentFault] = []
  /// By name; `nil` where not even the type is known.
  var providers: [String: NamedProvider?] = [:]

  init(catalog: ProviderCatalog, item: ExecutionDocument.Item, context: ValidationContext) {
    self.catalog = catalog
    self.item = item
    self.context = context
    grant = context.grant(ExecutionSubject(item))
  }

  func path(_ name: String) -> String { item.shownPath([name]) }

  /// One of the two blocks, unless nobody set it. An entry of nothing is an entry: its name is its author's.
  func block(_ name: String) -> JSONValue? {
    item.jobSpec?.member(name).flatMap { $0.isZero && ($0.kind != .object || $0.count == 0) ? nil : $0 }
  }

  /// A position costs a walk over the source, so a document of ten thousand faults gets them for the first hundred only.
  mutating func report(
    _ path: String, _ message: String, severity: DocumentFault.Severity = .error, at value: JSONValue?
  ) {
    let position = faults.count < BlockReader.positionedFaults ? value?.position : nil
    faults.append(DocumentFault(path, message, severity: severity, at: position))
  }

  func hint(_ name: String, among names: some Sequence<String>) -> String {
    faults.count < BlockReader.hintedFaults ? NearestName.hint(for: name, among: names.prefix(200)) : ""
  }

  mutating func run() -> Execution {
    checkID()
    checkDesiredState()
    checkNames()
    let connections = readProviders()
    let entries = readSecrets()
    checkCollisions(entries)
    checkBlocks()
    return Execution(
      id: item.id, jobID: item.jobID, namespace: (item.execution ?? item.jobSpec)?.member("namespace")?.text,
      nodeID: item.nodeID, name: item.name, states: item.states, hasJobSpec: item.jobSpec != nil,
      providers: connections, secrets: entries, grant: grant)
  }

  // MARK: - The envelope

  private mutating func checkID() {
    guard let execution = item.execution else {
      return
    }
    guard let id = execution.member("id")?.text, !id.isEmpty else {
      report(item.path.isEmpty ? "id" : "\(item.path).id", "required: the execution's id, a string", at: execution)
      return
    }
    if id.utf8.count > SecretName.longest {
      report("id", "longer than 253 bytes", at: execution.member("id"))
    }
  }

  private mutating func checkDesiredState() {
    guard let value = item.state("desired_state"), !value.isZero,
      value.text.flatMap(ExecutionStates.Desired.init(word:)) == nil
    else {
      return
    }
    let place = "status.desired_state.state_type"
    report(
      item.path.isEmpty ? place : "\(item.path).\(place)", "expected pending, running or stopped; read as running",
      severity: .warning, at: value)
  }

  // MARK: - What the author may have meant

  /// A key of the job spec that is nearly one of the two blocks. Where the block itself is there the key may be anybody's; where it is
  /// not, nothing would be delivered without a word.
  private mutating func checkNames() {
    let ours = ["secrets", "secret_providers"]
    if let jobSpec = item.jobSpec {
      for member in jobSpec.members where !member.value.isZero {
        guard let name = member.name.text, !ours.contains(name),
          let meant = NearestName.suggestion(for: name, among: ours)
        else {
          continue
        }
        report(
          path(name), "unknown key; did you mean \"\(meant)\"?", severity: block(meant) != nil ? .warning : .error,
          at: member.name)
      }
      if item.isBareJobSpec, block("secrets") == nil, block("secret_providers") == nil {
        checkWrappers(of: jobSpec)
      }
    } else if let execution = item.execution {
      for member in execution.members where member.value.kind == .object {
        if let name = member.name.text, NearestName.suggestion(for: name, among: ["job_spec"]) != nil {
          report(DocumentPath.join(item.path, name), "unknown key; did you mean \"job_spec\"?", at: member.name)
        }
      }
    }
  }

  /// What holds the secrets of a document that seems to declare none may be misspelt itself.
  private mutating func checkWrappers(of jobSpec: JSONValue) {
    for member in jobSpec.members where member.value.kind == .object || member.value.kind == .array {
      if let name = member.name.text, !ExecutionEnvelope.jobSpecNames.contains(name),
        let meant = NearestName.suggestion(for: name, among: ["job_spec", "items", "execution"])
      {
        report(path(name), "unknown key; did you mean \"\(meant)\"?", at: member.name)
      }
    }
  }

  /// One block without the other.
  private mutating func checkBlocks() {
    let secrets = block("secrets")
    let declared = block("secret_providers")
    if secrets != nil, declared == nil {
      report(path("secret_providers"), "required, since the secrets name providers by `from`", at: secrets)
    } else if let declared, secrets == nil {
      report(
        path("secrets"), "there are none, though providers are declared", severity: .warning, at: declared)
    }
  }
}
