import ExecutionModel
import HTTPTransport
import ProviderKit
import SecretBytes

/// The credentials of an ECS task or an EKS pod identity
/// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
struct ContainerEndpoint: Sendable {
  static let source = "container endpoint"
  private static let relativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
  private static let fullURI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
  private static let token = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
  private static let tokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
  /// Beside loopback, the hosts that may be asked without TLS.
  private static let plainHosts: Set<String> = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]

  let context: CredentialContext

  func find() async throws(ProviderFailure) -> SourceOutcome {
    let url: HTTPURL
    switch (context.variable(Self.relativeURI), context.variable(Self.fullURI)) {
    case (.set(let path), _): url = try relative(path.unsafeString() ?? "")
    case (_, .set(let text)): url = try full(text.unsafeString() ?? "")
    case (.refused(let refusal), _): return .nothing(refusal.message)
    case (.unset, _): return .nothing("neither \(Self.relativeURI) nor \(Self.fullURI) is set")
    }
    var headers = [HTTPHeader("Accept", "application/json")]
    if let authorization = try authorization() {
      headers.append(HTTPHeader("Authorization", secret: authorization))
    }
    let request = MetadataRequest(context: context, name: "the container's credential endpoint", attempts: 3)
    let response = try await request.send(.get, url, headers: headers)
    guard response.status == 200 else {
      throw request.failure(
        .denied, "refused", response.status, hint: "check the task's role, and the authorization token")
    }
    return .found(ResolvedCredentials(credentials: try request.credentials(response), source: Self.source))
  }

  private func relative(_ path: String) throws(ProviderFailure) -> HTTPURL {
    // Without the slash the text would go on the host's name.
    guard path.hasPrefix("/"), let url = try? HTTPURL(parsing: "http://169.254.170.2\(path)") else {
      throw context.failures.make(.denied, "\(Self.relativeURI) is not a path that begins with /")
    }
    return url
  }

  private func full(_ text: String) throws(ProviderFailure) -> HTTPURL {
    let url: HTTPURL
    do throws(URLFault) {
      url = try HTTPURL(parsing: text)
    } catch {
      throw context.failures.make(.denied, "\(Self.fullURI) is no address: \(error)")
    }
    guard url.scheme == .https || url.isLoopbackHost || Self.plainHosts.contains(url.host) else {
      throw context.failures.make(
        .denied, "\(Self.fullURI): \(DocumentPath.shown(url.host)) may be asked over https only",
        hint: "http is for loopback and the addresses of ECS and EKS")
    }
    return url
  }

  /// The token's file is read at each login, since it rotates, and goes before the variable.
  private func authorization() throws(ProviderFailure) -> SecretBytes? {
    let token: SecretBytes
    let what: String
    if let path = try context.text(variable: Self.tokenFile) {
      (token, what) = (try context.untrimmed(path, Self.tokenFile), Self.tokenFile)
    } else {
      switch context.variable(Self.token) {
      case .unset: return nil
      case .refused(let refusal): throw context.failures.refused(refusal)
      case .set(let value): (token, what) = (value, Self.token)
      }
    }
    guard !token.isEmpty, !token.withUnsafeBytes({ $0.contains { $0 < 0x20 || $0 == 0x7f } }) else {
      throw context.failures.make(
        .denied, "\(what) holds no token that a header can carry", hint: "it must be one line without its line break")
    }
    return token
  }
}
