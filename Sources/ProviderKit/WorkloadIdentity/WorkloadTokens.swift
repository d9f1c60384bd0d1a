import ExecutionModel
import SecretBytes
import Synchronization

/// The tokens that a node's engine brought along for its workloads, by who they vouch for and by audience; in memory only. The newest
/// of an audience counts: an engine brings new ones before the old end, and not every volume has those of every audience.
public final class WorkloadTokens: Sendable {
  private let held = Mutex<[WorkloadIdentity: [String: SecretBytes]]>([:])

  public init() {}

  public func note(_ tokens: [String: SecretBytes], of identity: WorkloadIdentity) {
    held.withLock { $0[identity, default: [:]].merge(tokens) { $1 } }
  }

  public func forget(_ identity: WorkloadIdentity) {
    held.withLock { $0[identity] = nil }
  }

  func tokens(of identity: WorkloadIdentity) -> WorkloadTokenSet {
    WorkloadTokenSet(byAudience: held.withLock { $0[identity] } ?? [:])
  }
}

/// One workload's tokens.
public struct WorkloadTokenSet: Sendable {
  /// Audiences that mean one cloud, whose tokens are for nobody else.
  private static let clouds: Set<String> = [
    "sts.amazonaws.com", "pods.eks.amazonaws.com", "api://AzureADTokenExchange",
  ]

  static let none = WorkloadTokenSet(byAudience: [:])

  let byAudience: [String: SecretBytes]

  /// Audiences, in order.
  public var audiences: [String] { byAudience.keys.sorted() }

  func token(forFirstOf audiences: [String]) -> SecretBytes? {
    audiences.lazy.compactMap { byAudience[$0] }.first
  }

  /// `nil` where there are several.
  var onlyOneForNoCloud: SecretBytes? {
    let others = byAudience.filter { !Self.clouds.contains($0.key) && !$0.key.contains("iam.googleapis.com/") }
    return others.count == 1 ? others.first?.value : nil
  }
}
