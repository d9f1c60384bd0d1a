import EventLoop
import ExecutionModel
import NodePolicy
import Resolution
import SecretBytes
import Text

/// Decides whether a pod may have what its class asks for: by whom its tokens are of, by the class, and by the policy as it is for who
/// logs in with them.
@DaemonActor
struct VolumeAdmission {
  /// Bytes of a class's blocks, which are kept as long as it is asked for: thousands of secrets.
  nonisolated static let mostDocumentBytes = 256 << 10

  let catalog: ProviderCatalog
  let worker: WorkerThread?
  let settings: @DaemonActor () -> (nodeID: String, policy: NodePolicy)

  /// What needs no look into the class.
  func check(_ request: VolumeRequest) throws(DocumentRefusal) {
    for (audience, token) in request.tokens.sorted(by: { $0.key < $1.key })
    where !ServiceAccountToken.isOf(request.identity, token) {
      throw DocumentRefusal(
        ["the token for \(ShownText.clean(audience)) is not one of the service account \(request.identity)"])
    }
    guard request.document.count <= Self.mostDocumentBytes else {
      throw DocumentRefusal(["the class's blocks have over \(Self.mostDocumentBytes >> 10) KiB: make several of it"])
    }
  }

  /// - Returns: the plan, and the class's warnings.
  func plan(
    for identity: WorkloadIdentity, _ document: SecretBytes
  ) async throws(DocumentRefusal) -> (plan: ExecutionPlan, warnings: [String]) {
    let grant = CredentialGrant([], workload: identity)
    let (nodeID, policy) = settings()
    var context = ValidationContext(nodeName: nodeID, policy: policy, variables: nil)
    context.grant = { _ in grant }
    let rules = DocumentRules(
      catalog: catalog, context: context, policy: policy.granting(grant), asEnvironment: false)
    return try await WorkerThread.run(on: worker) { () throws(DocumentRefusal) in
      let item: ExecutionDocument.Item
      do throws(DocumentFaults) {
        item = try ExecutionDocument(document).item(nil)
      } catch {
        throw DocumentRefusal(error)
      }
      let (execution, warnings) = try rules.validate(item)
      try rules.allow(execution, in: item)
      guard !execution.secrets.isEmpty else {
        throw DocumentRefusal(["secrets: none, so the volume would be empty"])
      }
      return (ExecutionPlan(execution), warnings)
    }
  }
}
