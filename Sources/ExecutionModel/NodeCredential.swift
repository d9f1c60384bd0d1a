/// A credential of the node that a document can lead a login to. Where it lies is known, never what it is.
public enum NodeCredential: Sendable, Hashable {
  /// Absolute path of a file.
  case file(String)
  /// Name of a variable of the agent.
  case variable(String)
  /// A profile of AWS's shared config and credentials files.
  case profile(String)
  /// What the platform vouches for.
  case identity(PlatformIdentity)
}

/// Who the node is to its platform, or to the cluster that it belongs to: what a login gets without any credential in a document.
public enum PlatformIdentity: String, Sendable, CaseIterable {
  /// The role of an EC2 instance, by its metadata service.
  case awsInstanceMetadata = "aws_instance_metadata"
  /// The role of an ECS task or an EKS pod, by the container's credential endpoint.
  case awsContainer = "aws_container"
  /// A role that STS gives for the token of another issuer.
  case awsWebIdentity = "aws_web_identity"
  /// The service account of a machine or pod, by Google's metadata server.
  case gcpMetadata = "gcp_metadata"
  /// Another issuer's token that Google's STS exchanges.
  case gcpWorkloadIdentity = "gcp_workload_identity"
  /// By instance metadata, App Service or Arc.
  case azureManagedIdentity = "azure_managed_identity"
  /// Another issuer's token that Entra ID takes for an application's.
  case azureWorkloadIdentity = "azure_workload_identity"
  /// A token of the node's SPIFFE Workload API.
  case spiffe
}
