import ExecutionModel
import ProviderKit

/// Where a connection's credentials come from: the one place that its `auth.method` names, or the first of those that the SDKs
/// look at which has some.
enum AWSCredentialSource: Sendable {
  case given(GivenKeys)
  case profile(ProfileCredentials)
  case webIdentity(WebIdentity)
  case container(ContainerEndpoint)
  case instanceMetadata(InstanceMetadata)
  case standard(StandardOrder)

  /// - Throws: for a method that is not known.
  init(connection: ProviderConnection, services: ProviderServices, region: String) throws(DocumentFault) {
    let context = CredentialContext(connection: connection, services: services, region: region)
    let sts = STSCall(connection: connection, services: services, region: region, isNested: true)
    switch connection.method {
    case "static": self = .given(GivenKeys(context: context))
    case "profile": self = .profile(ProfileCredentials(context: context, sts: sts))
    case "web_identity": self = .webIdentity(WebIdentity(context: context, sts: sts))
    case "container": self = .container(ContainerEndpoint(context: context))
    case "instance_metadata": self = .instanceMetadata(InstanceMetadata(context: context))
    case nil, "default": self = .standard(StandardOrder(context: context, sts: sts))
    case .some(let method):
      throw DocumentFault(connection.path("auth.method"), "\(DocumentPath.shown(method)) is not known")
    }
  }

  func resolve() async throws(ProviderFailure) -> ResolvedCredentials {
    switch self {
    case .given(let keys): return try keys.resolve()
    case .profile(let profile): return try await profile.given()
    case .webIdentity(let identity): return try await identity.given()
    case .instanceMetadata(let metadata): return try await metadata.given()
    case .standard(let order): return try await order.resolve()
    case .container(let container):
      switch try await container.find() {
      case .found(let resolved): return resolved
      case .nothing(let reason): throw container.context.failures.make(.denied, reason)
      }
    }
  }
}

/// The order in which AWS's SDKs look for credentials
/// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html). The first source that is set up decides: where it
/// fails, none after it is asked, lest a node takes up another identity without a word.
struct StandardOrder: Sendable {
  let context: CredentialContext
  let sts: STSCall

  func resolve() async throws(ProviderFailure) -> ResolvedCredentials {
    var reasons: [String] = []
    func note(_ source: String, _ outcome: SourceOutcome) -> ResolvedCredentials? {
      switch outcome {
      case .found(let resolved): return resolved
      case .nothing(let reason):
        reasons.append("\(source): \(reason)")
        return nil
      }
    }
    // A profile that the document itself names goes before what the environment holds, as in the SDKs.
    if context.givenProfile == nil {
      if let found = note("environment", try EnvironmentKeys(context: context).find()) {
        return found
      }
      if let found = note("web identity", try await WebIdentity(context: context, sts: sts).find()) {
        return found
      }
    }
    if let found = note("profile", try await ProfileCredentials(context: context, sts: sts).find()) {
      return found
    }
    if let found = note("container", try await ContainerEndpoint(context: context).find()) {
      return found
    }
    if let found = note("instance", try await InstanceMetadata(context: context).find()) {
      return found
    }
    throw context.failures.make(
      .denied, "no AWS credentials: \(reasons.joined(separator: "; "))", hint: "give auth, or set one of these up")
  }
}
