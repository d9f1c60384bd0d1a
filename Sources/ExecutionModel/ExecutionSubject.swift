import JSONReader

/// What the rules of a node know an execution by. All of it is what the document says.
public struct ExecutionSubject: Sendable {
  /// The execution's namespace and its job spec's, as far as they are said: two that differ are two.
  public let namespaces: [String]
  /// The job's name.
  public let job: String?
  private let labels: JSONValue?

  init(_ item: ExecutionDocument.Item) {
    namespaces = item.namespaces
    job = item.name
    labels = item.jobSpec?.member("labels")
  }

  /// The text of the job's label `name`; `nil` where there is none, or one that is no text.
  public func label(_ name: String) -> String? { labels?.member(name)?.text }
}

/// Which of the node's credential rules are for an execution, by their names. Connections of different grants share nothing: what
/// one of them may send somewhere the other may not.
public struct CredentialGrant: Sendable, Hashable {
  public let rules: [String]
  /// Who logs in with tokens of its own, and with nothing of the node's; `nil`: the node.
  public let workload: WorkloadIdentity?

  public static let none = CredentialGrant([])

  public init(_ rules: [String], workload: WorkloadIdentity? = nil) {
    self.rules = rules
    self.workload = workload
  }
}
