import HTTPTransport
import Text

extension NodePolicy {
  /// Whether authentication may ask `url` for a token of the machine's own identity.
  ///
  /// Platforms serve these on link-local addresses or on loopback, by plain HTTP, and the address is the platform's well-known one
  /// or stands in the agent's own environment: no document names it. Any other address is held to the `addresses` rule.
  public func check(metadataService url: HTTPURL) throws(PolicyRefusal) {
    if grant.workload != nil, !LinkLocalHost.isPodIdentityAgent(url.host) {
      // By no rule of a file: none could let it.
      throw PolicyRefusal(
        rule: "values",
        message: "a pod logs in as itself, and not as the machine at \(url.host); give auth a login by the pod's token")
    }
    if Self.isOfMachine(url) {
      return
    }
    try check(url)
  }

  /// Whether `url` is on this machine, or a platform's well-known address.
  public static func isOfMachine(_ url: HTTPURL) -> Bool {
    url.isLoopbackHost || LinkLocalHost.isMetadataService(url.host)
  }

  /// What the socket to a metadata service must hold to: a literal address to itself, a name to what names may resolve to.
  public func addressRule(forMetadataService url: HTTPURL) -> HTTPAddressRule {
    LinkLocalHost.isMetadataService(url.host) ? .any : addressRule(for: url)
  }
}

extension LinkLocalHost {
  /// The platforms' addresses: 169.254.0.0/16, and AWS's instance metadata and EKS Pod Identity over IPv6
  /// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
  static func isMetadataService(_ host: String) -> Bool {
    isIPv4(host) || host == "[fd00:ec2::254]" || host == "[fd00:ec2::23]"
  }

  /// Of EKS, which asks for the pod's own token.
  static func isPodIdentityAgent(_ host: String) -> Bool { host == "169.254.170.23" || host == "[fd00:ec2::23]" }

  /// A dotted address of 169.254.0.0/16, and nothing else.
  private static func isIPv4(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    return parts.count == 4 && parts[0] == 169 && parts[1] == 254 && parts[2] != nil && parts[3] != nil
  }
}
