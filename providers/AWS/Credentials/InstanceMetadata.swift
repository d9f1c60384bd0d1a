import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes

/// The role of an EC2 instance, from its metadata service: version 2 only, whose token a forged request cannot get
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
struct InstanceMetadata: Sendable {
  static let source = "instance metadata role"
  private static let roles = "latest/meta-data/iam/security-credentials/"
  /// Six hours, the longest that the service gives.
  private static let tokenSeconds = "21600"

  let context: CredentialContext

  /// - Returns: nothing where the service is turned off, or does not answer: most machines are not EC2 instances.
  func find() async throws(ProviderFailure) -> SourceOutcome {
    if let reason = turnedOff {
      return .nothing(reason)
    }
    let base = try endpoint()
    let request = MetadataRequest(context: context, name: "instance metadata", attempts: 2)
    let token: SecretBytes
    do throws(ProviderFailure) {
      token = try await self.token(base, request)
    } catch {
      // A machine that answers, and asks to come back later, is an instance.
      guard error.status == nil || !error.isRetriable else {
        throw error
      }
      return .nothing(error.status.map { "\(error.message) (status \($0))" } ?? error.message)
    }
    return try await role(base, request, token)
  }

  /// The method `instance_metadata`, for which silence is a failure.
  func given() async throws(ProviderFailure) -> ResolvedCredentials {
    if let reason = turnedOff {
      throw context.failures.make(.denied, reason)
    }
    let base = try endpoint()
    let request = MetadataRequest(context: context, name: "instance metadata", attempts: 3)
    switch try await role(base, request, try await token(base, request)) {
    case .found(let resolved): return resolved
    case .nothing(let reason): throw context.failures.make(.denied, reason, hint: "attach an instance profile")
    }
  }

  private var turnedOff: String? {
    context.setting("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true"
      ? "instance metadata is turned off by AWS_EC2_METADATA_DISABLED" : nil
  }

  private func token(_ base: HTTPURL, _ request: MetadataRequest) async throws(ProviderFailure) -> SecretBytes {
    let response = try await request.send(
      .put, base.appending(rawPath: "latest/api/token"),
      headers: [HTTPHeader("X-aws-ec2-metadata-token-ttl-seconds", Self.tokenSeconds)])
    guard response.status == 200, !response.body.isEmpty else {
      throw request.failure(
        .denied, "gives no token", response.status,
        hint: "check that it is enabled, and that its hop limit reaches containers")
    }
    return response.body
  }

  private func role(
    _ base: HTTPURL, _ request: MetadataRequest, _ token: SecretBytes
  ) async throws(ProviderFailure) -> SourceOutcome {
    let headers = [HTTPHeader("X-aws-ec2-metadata-token", secret: token)]
    let list = try await request.send(.get, base.appending(rawPath: Self.roles), headers: headers)
    if list.status == 404 {
      return .nothing("the instance has no role")
    }
    let first = list.body.withUnsafeBytes { $0.prefix { $0 != 0x0a && $0 != 0x0d }.count }
    guard list.status == 200, let name = list.body.slice(0..<first).unsafeString(), Self.isRoleName(name) else {
      throw request.failure(.malformed, "names no role", list.status)
    }
    let answer = try await request.send(.get, base.appending(rawPath: Self.roles + name), headers: headers)
    guard answer.status == 200 else {
      throw request.failure(.denied, "gives no credentials for role \(name)", answer.status)
    }
    return .found(
      ResolvedCredentials(credentials: try request.credentials(answer), source: "\(Self.source) \(name)"))
  }

  /// IAM's own rule for names (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html).
  private static func isRoleName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || "_+=,.@-".utf8.contains($0)
      }
  }

  /// By the environment, else the profile, else the address of every instance.
  private func endpoint() throws(ProviderFailure) -> HTTPURL {
    let profile = try SharedConfiguration.load(context).profiles[context.profileName] ?? .init()
    let given =
      context.setting("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? profile.text("ec2_metadata_service_endpoint")
    let mode =
      context.setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") ?? profile.text("ec2_metadata_service_endpoint_mode")
    let standard: String
    switch mode?.lowercased() {
    case nil, "ipv4": standard = "http://169.254.169.254"
    case "ipv6": standard = "http://[fd00:ec2::254]"
    default:
      throw context.failures.make(.denied, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither IPv4 nor IPv6")
    }
    do throws(URLFault) {
      return try HTTPURL(parsing: given ?? standard)
    } catch {
      throw context.failures.make(.denied, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no address: \(error)")
    }
  }
}
