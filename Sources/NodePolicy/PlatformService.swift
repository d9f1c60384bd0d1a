import HTTPTransport

/// The link-local addresses at which clouds serve credentials to their own machines and containers. Authentication methods may ask
/// them though no document may name them: AWS's instance metadata over IPv4 and IPv6, ECS's and EKS's credential endpoints
/// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html). Azure and Google serve theirs at
/// 169.254.169.254 as well.
enum PlatformService {
  static let hosts: Set<String> = [
    "169.254.169.254", "[fd00:ec2::254]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
  ]
}

extension NodePolicy {
  /// Whether an authentication method itself, not a document, may ask for credentials at `url`: the platform's own addresses,
  /// beside what ``check(_:)`` lets through.
  public func check(platformService url: HTTPURL) throws(PolicyRefusal) {
    guard !PlatformService.hosts.contains(url.host) else {
      return
    }
    try check(url)
  }

  /// What the socket to such a service must hold to.
  public func addressRule(forPlatformService url: HTTPURL) -> HTTPAddressRule {
    PlatformService.hosts.contains(url.host) ? .any : addressRule(for: url)
  }
}
