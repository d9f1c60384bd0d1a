import HTTPTransport
import ProviderKit
import SecretBytes
import Text

/// A token of the machine's own identity, from the service that the environment tells of: App Service and Container Apps, Azure
/// Arc, else the instance metadata service of virtual machines
/// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
struct ManagedIdentity: Sendable {
  /// The instance metadata service's address on every virtual machine.
  static let metadataAddress = "http://169.254.169.254"
  /// While the metadata service is being updated, it answers 410 for so long at most.
  static let pauseWhileUpdated: Duration = .seconds(70)

  private static let metadata = "the instance metadata service"
  private static let appService = "App Service's identity endpoint"

  private static let patient: RetrySchedule = {
    var schedule = RetrySchedule()
    schedule.attempts = 6
    schedule.base = .milliseconds(1600)
    schedule.ceiling = .seconds(60)
    return schedule
  }()

  /// Where a client id is from, so that a refusal can name the place.
  enum Origin: Sendable {
    case document
    case environment
  }

  /// Client id of a user-assigned identity.
  let clientID: String?
  var clientIDIsOf = Origin.document
  let connection: OpenConnection

  /// - Parameters:
  ///   - resource: as `https://vault.azure.net`.
  ///   - probing: whether the metadata service may well not be there (the default chain), so that silence is found out soon.
  func token(for resource: String, probing: Bool = false) async throws(ProviderFailure) -> AzureAccessToken {
    if let endpoint = text(AzureVariable.identityEndpoint) {
      let url = try connection.address(endpoint, in: AzureVariable.identityEndpoint)
      if let header = connection.services.environment.read(AzureVariable.identityHeader).secret {
        return try await appServiceToken(url, header, for: resource)
      }
      if text(AzureVariable.arcEndpoint) != nil {
        return try await ArcIdentity(identity: self, endpoint: url).token(for: resource)
      }
    }
    return try await metadataToken(for: resource, probing: probing)
  }

  private func text(_ variable: String) -> String? { connection.services.environment.read(variable).text }

  // MARK: - App Service

  /// The token service of App Service, Functions and Container Apps
  /// (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
  ///
  /// - Parameter header: proves that the caller runs inside the app.
  private func appServiceToken(
    _ endpoint: HTTPURL, _ header: SecretBytes, for resource: String
  ) async throws(ProviderFailure) -> AzureAccessToken {
    guard text(AzureVariable.identityThumbprint) == nil else {
      throw connection.failures.make(
        .denied, "Service Fabric's managed identities are not supported", hint: "use another auth.method")
    }
    // `Metadata` is for Azure Automation, which has the same endpoint and demands it.
    let request = request(endpoint, "2019-08-01", resource, [HTTPHeader("X-IDENTITY-HEADER", secret: header)])
    return try await token(of: Self.appService) { () throws(ProviderFailure) in
      try await send(request, to: Self.appService, within: .seconds(5)) {
        $0.status == 200 ? .accept : .fail(refusal($0, Self.appService))
      }
    }
  }

  // MARK: - Instance metadata

  /// The instance metadata service of virtual machines, and what stands in for it in clusters
  /// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http).
  private func metadataToken(for resource: String, probing: Bool) async throws(ProviderFailure) -> AzureAccessToken {
    let given = text(AzureVariable.metadataHost)
    let host = try connection.address(given ?? Self.metadataAddress, in: AzureVariable.metadataHost)
    let request = request(host.appending(rawPath: "metadata/identity/oauth2/token"), "2018-02-01", resource)
    return try await token(of: Self.metadata) { () throws(ProviderFailure) in
      // An address in the environment says that the service is there.
      if probing, given == nil {
        do throws(ProviderFailure) {
          return try await send(
            request, to: Self.metadata, within: .seconds(1), schedule: RetrySchedule(attempts: 1), judge: judgeMetadata)
        } catch {
          guard error.status != nil, error.isRetriable else {
            throw error
          }
        }
      }
      return try await send(
        request, to: Self.metadata, within: .seconds(2), schedule: Self.patient, judge: judgeMetadata)
    }
  }

  /// 404 and 410 pass, as the service's page tells: it is being updated.
  @Sendable private func judgeMetadata(_ response: HTTPResponse) -> CallVerdict {
    switch response.status {
    case 200:
      return .accept
    case 404:
      return .fail(connection.failures.make(.transient, "\(Self.metadata) is not ready", status: 404))
    case 410:
      return .fail(
        connection.failures.make(
          .transient, "\(Self.metadata) is being updated", status: 410, retryAfter: Self.pauseWhileUpdated))
    default:
      return .fail(refusal(response, Self.metadata))
    }
  }

  // MARK: - What the services have in common

  var clientIDPlace: String {
    clientIDIsOf == .document ? "managed_identity_client_id" : AzureVariable.clientID
  }

  /// `Metadata` keeps a tricked browser or proxy from asking.
  func request(_ url: HTTPURL, _ version: String, _ resource: String, _ headers: [HTTPHeader] = []) -> HTTPRequest {
    let query = [("api-version", version), ("resource", resource)] + (clientID.map { [("client_id", $0)] } ?? [])
    return connection.request(
      .get, url.with(query: query),
      headers + [HTTPHeader("Metadata", "true"), HTTPHeader("Accept", "application/json")])
  }

  func send(
    _ request: HTTPRequest, to service: String, within connectTimeout: Duration,
    schedule: RetrySchedule = RetrySchedule(), judge: @Sendable (HTTPResponse) -> CallVerdict
  ) async throws(ProviderFailure) -> HTTPResponse {
    let route = Route.machine(request.url, connectTimeout: connectTimeout)
    return try await connection.send(request, by: route, login: service, schedule: schedule, judge: judge)
  }

  func token(
    of service: String, _ ask: () async throws(ProviderFailure) -> HTTPResponse
  ) async throws(ProviderFailure) -> AzureAccessToken {
    let sentAt = connection.services.time.now
    return try connection.token(in: try await ask(), sentAt: sentAt, "the answer of \(service)")
  }

  /// What `service` answered in the place of a token.
  func refusal(_ response: HTTPResponse, _ service: String) -> ProviderFailure {
    switch response.status {
    case 429:
      return connection.failure(.throttled, "\(service): too many requests", response)
    case 500...599:
      return connection.failure(.transient, "\(service) failed", response)
    case 400...403:
      let word = connection.aside(connection.json(ifAny: response)?.member("error")?.text, atMost: 40)
      return connection.failure(
        .denied, "\(service) gives no token\(word)", response, from: .node,
        hint: clientID == nil
          ? "assign a managed identity to the machine, or name a user-assigned one by managed_identity_client_id"
          : "check \(clientIDPlace), and that the identity is assigned to the machine")
    default:
      return connection.failure(.malformed, "\(service) gave an answer that it does not have", response)
    }
  }
}
