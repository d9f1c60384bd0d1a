import EventLoop
import ExecutionModel
import HTTPTransport
import JSONReader
import NodePolicy
import ProviderKit
import SecretBytes

/// A token of the machine's own identity, from the service that the environment tells of: App Service and Container Apps, Azure
/// Arc, else the instance metadata service of virtual machines
/// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
struct ManagedIdentity: Sendable {
  /// The instance metadata service's address on every virtual machine.
  static let metadataAddress = "http://169.254.169.254"

  /// Client id of a user-assigned identity.
  let clientID: String?
  let environment: AzureEnvironment
  let services: ProviderServices
  let failures: FailureMaker

  /// - Parameters:
  ///   - resource: as `https://vault.azure.net`.
  ///   - probing: whether the metadata service may well not be there (the default chain), so that silence is found out soon.
  func token(for resource: String, probing: Bool = false) async throws(ProviderFailure) -> AzureAccessToken {
    guard let endpoint = environment.text(AzureVariable.identityEndpoint) else {
      return try await InstanceMetadata(identity: self).token(for: resource, probing: probing)
    }
    let url = try address(endpoint, AzureVariable.identityEndpoint)
    if let header = environment.secret(AzureVariable.identityHeader) {
      guard environment.text(AzureVariable.identityThumbprint) == nil else {
        throw failures.make(
          .denied, "Service Fabric's managed identities are not supported", hint: "use another auth.method")
      }
      return try await AppServiceIdentity(identity: self, endpoint: url, header: header).token(for: resource)
    }
    guard environment.text(AzureVariable.arcEndpoint) != nil else {
      return try await InstanceMetadata(identity: self).token(for: resource, probing: probing)
    }
    return try await ArcIdentity(identity: self, endpoint: url).token(for: resource)
  }

  // MARK: - What the services have in common

  func address(_ text: String, _ name: String) throws(ProviderFailure) -> HTTPURL {
    do throws(URLFault) {
      return try HTTPURL(parsing: text)
    } catch {
      throw failures.make(.denied, "\(name) is not an address: \(error)")
    }
  }

  func request(_ url: HTTPURL, _ query: [(String, String)], _ headers: [HTTPHeader]) -> HTTPRequest {
    HTTPRequest(
      method: .get, url: url.with(query: query), headers: headers + [HTTPHeader("Accept", "application/json")],
      timeout: services.limits.attempt, maximumResponseBytes: services.limits.responseBytes)
  }

  /// Sends `request` to a metadata service, as far as the policy lets it.
  func send(
    _ request: HTTPRequest, connectTimeout: Duration, schedule: RetrySchedule = RetrySchedule(),
    judge: @Sendable (HTTPResponse) -> ProviderCaller.Verdict
  ) async throws(ProviderFailure) -> HTTPResponse {
    do throws(PolicyRefusal) {
      try services.policy.check(metadataService: request.url)
    } catch {
      throw failures.refused(error)
    }
    var options = HTTPClientOptions()
    options.connectTimeout = min(connectTimeout, services.limits.connect)
    options.addressRule = services.policy.addressRule(forMetadataService: request.url)
    options.bypassesProxy = options.addressRule == .any
    let caller = ProviderCaller(connection: failures.connection, services: services, schedule: schedule)
    return try await caller.send(request, over: services.transport(options), about: nil, judge: judge)
  }

  func token(
    in response: HTTPResponse, _ service: String, sentAt moment: Moment
  ) throws(ProviderFailure) -> AzureAccessToken {
    guard
      let json = try? JSONValue.parse(response.body, limits: .payload),
      let token = AzureAccessToken(json, at: moment, unixTime: services.time.unixTime)
    else {
      throw failures.make(.malformed, "the answer of \(service) has no token", status: response.status)
    }
    return token
  }

  /// What `service` answered in the place of a token.
  func refusal(_ response: HTTPResponse, _ service: String) -> ProviderFailure {
    let status = response.status
    let wait = RetryAfter.wait(response, unixTime: services.time.unixTime)
    switch status {
    case 429:
      return failures.make(.throttled, "\(service): too many requests", status: status, retryAfter: wait)
    case 500...599:
      return failures.make(.transient, "\(service) failed", status: status, retryAfter: wait)
    case 400...403:
      let word = (try? JSONValue.parse(response.body, limits: .payload))?.member("error")?.text
      let shown = word.map { " (\(DocumentPath.shown($0, atMost: 40)))" } ?? ""
      return failures.make(
        .denied, "\(service) gives no token\(shown)", status: status,
        hint: clientID == nil
          ? "assign a managed identity to the machine, or name a user-assigned one by managed_identity_client_id"
          : "check managed_identity_client_id, and that the identity is assigned to the machine")
    default:
      return failures.make(.malformed, "\(service) gave an answer that it does not have", status: status)
    }
  }
}
