import Delivery
import ExecutionModel
import NodePolicy

extension ValidationContext {
  /// What documents are held against on a node, by the daemon and by a person's commands alike.
  ///
  /// - Parameter variables: the format of the env file that the secrets are for; `nil`: files only.
  public init(nodeName: String, policy: NodePolicy, variables: EnvironmentFormat?) {
    self.init(
      nodeName: nodeName, minRefresh: policy.minRefresh,
      nameObstacle: { name in variables.flatMap { EnvironmentFile.obstacle(toName: name, format: $0) } },
      grant: { policy.grant(for: $0) })
  }
}
