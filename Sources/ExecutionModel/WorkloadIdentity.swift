/// A workload that the node's engine vouches for, with tokens that it brings along: a Kubernetes service account. What logs in as one
/// is shared with no other, and uses nothing of the node's own.
public struct WorkloadIdentity: Sendable, Hashable, CustomStringConvertible {
  public let namespace: String
  public let serviceAccount: String

  public init(namespace: String, serviceAccount: String) {
    self.namespace = namespace
    self.serviceAccount = serviceAccount
  }

  /// As `shop/web`.
  public var description: String { "\(namespace)/\(serviceAccount)" }
}
