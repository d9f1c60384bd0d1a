import AWSSigning
import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes
import Text

/// A service that only this machine can reach: asked straight, whatever proxy the environment names, and with little patience.
private struct MachineService: Sendable {
  let connection: OpenConnection
  /// What it is called in messages.
  let name: String
  let attempts: Int

  /// The answer whatever its status, after further attempts where the service failed or was not reached.
  func send(
    _ method: HTTPMethod, _ url: HTTPURL, _ headers: [HTTPHeader]
  ) async throws(ProviderFailure) -> HTTPResponse {
    let request = connection.request(method, url, headers, timeout: .seconds(2), maximumBytes: 64 * 1024)
    return try await connection.send(
      request, by: .machine(url, connectTimeout: .seconds(1)), schedule: RetrySchedule(attempts: attempts)
    ) { response in
      response.status == 429 || response.status >= 500 ? .fail(failure(.transient, "failed", response)) : .accept
    }
  }

  func failure(
    _ kind: ProviderFailure.Class, _ what: String, _ response: HTTPResponse, hint: String? = nil
  ) -> ProviderFailure {
    connection.failure(kind, "\(name) \(what)", response, from: .node, hint: hint)
  }

  /// The JSON of an answer with keys and their end, as both services give it.
  func credentials(_ response: HTTPResponse) throws(ProviderFailure) -> AWSCredentials {
    let json = try connection.json(response, of: name)
    if let code = json.member("Code")?.text, code != "Success" {
      let words = [ShownText.clean(code), connection.words(json.member("Message")?.text)].compactMap { $0 }
      throw failure(.denied, "answered \(words.joined(separator: ": "))", response)
    }
    do throws(AnswerFault) {
      return try AWSCredentials(json: json, token: "Token")
    } catch {
      throw failure(.malformed, "gave \(error.message)", response)
    }
  }
}

/// The credentials of an ECS task or an EKS pod identity
/// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
extension CredentialSearch {
  private static let relativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
  private static let fullURI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
  private static let token = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
  private static let tokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
  /// EKS's agent is on both; a node without IPv4 has the second only.
  private static let podIdentityAgents = [
    "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials",
  ]
  /// Beside loopback, the hosts that may be asked without TLS.
  private static let plainHosts: Set<String> = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]

  func container() async throws(ProviderFailure) -> SourceOutcome {
    let environment = context.connection.services.environment
    let url: HTTPURL
    if let path = environment.read(Self.relativeURI).text {
      url = try relative(path)
    } else if let text = environment.read(Self.fullURI).text {
      url = try full(text)
    } else if case .refused(let refusal) = environment.read(Self.relativeURI) {
      return .nothing(refusal.message, kind: .policy)
    } else {
      return .nothing("neither \(Self.relativeURI) nor \(Self.fullURI) is set", isPlain: true)
    }
    try context.connection.takeUp(.identity(.awsContainer))
    var headers = [HTTPHeader("Accept", "application/json")]
    if let authorization = try authorization() {
      headers.append(HTTPHeader("Authorization", secret: authorization))
    }
    let service = MachineService(
      connection: context.connection, name: "the container's credential endpoint", attempts: 3)
    let response = try await service.send(.get, url, headers)
    guard response.status == 200 else {
      throw service.failure(
        .denied, "refused", response, hint: "check the task's role, and the authorization token")
    }
    return .found(
      ResolvedCredentials(credentials: try service.credentials(response), source: "container endpoint"))
  }

  /// EKS Pod Identity as the pod itself asks for it, with the token that its engine brought
  /// (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
  func podIdentity() async throws(ProviderFailure) -> SourceOutcome {
    let token = try context.connection.workloadToken(
      for: ["pods.eks.amazonaws.com"],
      hint: "where auth has no role a pod logs in by EKS Pod Identity: add this audience to tokenRequests of the "
        + "CSIDriver object, or give auth.role, which is taken with the token for sts.amazonaws.com")
    let headers = [HTTPHeader("Accept", "application/json"), HTTPHeader("Authorization", secret: token)]
    let service = MachineService(connection: context.connection, name: "the EKS Pod Identity agent", attempts: 3)
    let response = try await askPodIdentityAgent(service, headers)
    guard response.status == 200 else {
      // It answers in plain words, with EKS's own code among them.
      let words = context.connection.words(response.body.unsafeString()).map { ": \($0)" } ?? ""
      throw service.failure(
        .denied, "refused\(words)", response, hint: "check that the service account has a pod identity association")
    }
    return .found(ResolvedCredentials(credentials: try service.credentials(response), source: "pod identity"))
  }

  private func askPodIdentityAgent(
    _ service: MachineService, _ headers: [HTTPHeader]
  ) async throws(ProviderFailure) -> HTTPResponse {
    var silence: ProviderFailure?
    for url in Self.podIdentityAgents.compactMap({ try? HTTPURL(parsing: $0) }) {
      do throws(ProviderFailure) {
        return try await service.send(.get, url, headers)
      } catch {
        guard error.status == nil, error.isRetriable else {
          throw error
        }
        silence = silence ?? error
      }
    }
    throw silence ?? context.denied("there is no EKS Pod Identity agent")
  }

  private func relative(_ path: String) throws(ProviderFailure) -> HTTPURL {
    // Without the slash the text would go on the host's name.
    guard path.hasPrefix("/"), let url = try? HTTPURL(parsing: "http://169.254.170.2\(path)") else {
      throw context.denied("\(Self.relativeURI) is not a path that begins with /")
    }
    return url
  }

  private func full(_ text: String) throws(ProviderFailure) -> HTTPURL {
    let url = try context.address(text, orThrow: "\(Self.fullURI) is no address")
    guard url.scheme == .https || url.isLoopbackHost || Self.plainHosts.contains(url.host) else {
      throw context.denied(
        "\(Self.fullURI): \(ShownText.clean(url.host)) may be asked over https only",
        hint: "http is for loopback and the addresses of ECS and EKS")
    }
    return url
  }

  /// The token's file is read at each login, since it rotates, and goes before the variable.
  private func authorization() throws(ProviderFailure) -> SecretBytes? {
    let (token, name): (SecretBytes?, String) =
      if let path = try context.text(of: Self.tokenFile) {
        (try context.connection.content(ofCredentialFile: path, named: Self.tokenFile), Self.tokenFile)
      } else {
        (try context.connection.credentialVariable(ifSet: Self.token), Self.token)
      }
    guard let token else {
      return nil
    }
    guard !token.isEmpty, !token.withUnsafeBytes({ $0.contains { $0 < 0x20 || $0 == 0x7f } }) else {
      throw context.denied(
        "\(name) holds no token that a header can carry", hint: "it must be one line without its line break")
    }
    return token
  }
}

/// The role of an EC2 instance, from its metadata service: version 2 only, whose token a forged request cannot get
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
extension CredentialSearch {
  private static let roles = "latest/meta-data/iam/security-credentials/"
  private static let endpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
  private static let turnedOff = "AWS_EC2_METADATA_DISABLED"

  /// - Parameter isExpected: whether silence is a failure. Most machines are not EC2 instances.
  func instanceRole(isExpected: Bool) async throws(ProviderFailure) -> SourceOutcome {
    guard context.setting(Self.turnedOff)?.lowercased() != "true" else {
      return .nothing("instance metadata is turned off by \(Self.turnedOff)")
    }
    try context.connection.takeUp(.identity(.awsInstanceMetadata))
    let base = try instanceMetadata()
    let service = MachineService(
      connection: context.connection, name: "instance metadata", attempts: isExpected ? 3 : 2)
    let token: SecretBytes
    do throws(ProviderFailure) {
      token = try await self.token(base, service)
    } catch {
      // A machine that answers, and asks to come back later, is an instance.
      guard !isExpected, error.status == nil || !error.isRetriable else {
        throw error
      }
      return .nothing(error.status.map { "\(error.message) (status \($0))" } ?? error.message)
    }
    return try await role(base, service, token)
  }

  private func token(_ base: HTTPURL, _ service: MachineService) async throws(ProviderFailure) -> SecretBytes {
    // Six hours, the longest that the service gives.
    let response = try await service.send(
      .put, base.appending(rawPath: "latest/api/token"),
      [HTTPHeader("X-aws-ec2-metadata-token-ttl-seconds", "21600")])
    guard response.status == 200, !response.body.isEmpty else {
      throw service.failure(
        .denied, "gives no token", response, hint: "check that it is enabled, and that its hop limit reaches containers"
      )
    }
    return response.body
  }

  private func role(
    _ base: HTTPURL, _ service: MachineService, _ token: SecretBytes
  ) async throws(ProviderFailure) -> SourceOutcome {
    let headers = [HTTPHeader("X-aws-ec2-metadata-token", secret: token)]
    let list = try await service.send(.get, base.appending(rawPath: Self.roles), headers)
    if list.status == 404 {
      return .nothing("the instance has no role", hint: "attach an instance profile")
    }
    let first = list.body.withUnsafeBytes { $0.prefix { $0 != 0x0a && $0 != 0x0d }.count }
    guard list.status == 200, let name = list.body.slice(0..<first).unsafeString(), Self.roleName.accepts(name) else {
      throw service.failure(.malformed, "names no role", list)
    }
    let answer = try await service.send(.get, base.appending(rawPath: Self.roles + name), headers)
    guard answer.status == 200 else {
      throw service.failure(.denied, "gives no credentials for role \(name)", answer)
    }
    return .found(
      ResolvedCredentials(credentials: try service.credentials(answer), source: "instance metadata role \(name)"))
  }

  /// IAM's own rule (https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html).
  private static let roleName = TextGrammar.word(1...64, "_+=,.@-", "1 to 64 letters, digits and _+=,.@-")

  /// By the environment, else the profile, else the address of every instance.
  private func instanceMetadata() throws(ProviderFailure) -> HTTPURL {
    let profile = try SharedConfiguration.load(context).own
    let given = context.setting(Self.endpoint) ?? profile.setting("ec2_metadata_service_endpoint")
    let mode = context.setting("\(Self.endpoint)_MODE") ?? profile.setting("ec2_metadata_service_endpoint_mode")
    let standard: String
    switch mode?.lowercased() {
    case nil, "ipv4": standard = "http://169.254.169.254"
    case "ipv6": standard = "http://[fd00:ec2::254]"
    default: throw context.denied("\(Self.endpoint)_MODE is neither IPv4 nor IPv6")
    }
    return try context.address(given ?? standard, orThrow: "\(Self.endpoint) is no address")
  }
}
