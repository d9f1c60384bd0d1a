import HTTPTransport
import ProviderKit

/// The instance metadata service of virtual machines, and what stands in for it in clusters
/// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http).
struct InstanceMetadata: Sendable {
  static let service = "the instance metadata service"
  static let path = "metadata/identity/oauth2/token"
  /// While it is being updated, 410 may last so long in all that five pauses of this outlast it (70 seconds at most).
  static let pauseWhileUpdated: Duration = .seconds(15)

  let identity: ManagedIdentity

  func token(for resource: String, probing: Bool) async throws(ProviderFailure) -> AzureAccessToken {
    let given = identity.environment.text(AzureVariable.metadataHost)
    let url = try identity.address(given ?? ManagedIdentity.metadataAddress, AzureVariable.metadataHost).appending(
      rawPath: Self.path)
    var query = [("api-version", "2018-02-01"), ("resource", resource)]
    if let clientID = identity.clientID {
      query.append(("client_id", clientID))
    }
    // The header keeps a tricked browser or proxy from asking.
    let request = identity.request(url, query, [HTTPHeader("Metadata", "true")])
    let sentAt = identity.services.time.now
    // An address in the environment says that the service is there.
    let response = try await answer(to: request, probing: probing && given == nil)
    return try identity.token(in: response, Self.service, sentAt: sentAt)
  }

  private func answer(to request: HTTPRequest, probing: Bool) async throws(ProviderFailure) -> HTTPResponse {
    if probing {
      var once = RetrySchedule()
      once.attempts = 1
      do throws(ProviderFailure) {
        return try await identity.send(request, connectTimeout: .seconds(1), schedule: once, judge: judge)
      } catch {
        guard error.status != nil, error.isRetriable else {
          throw error
        }
      }
    }
    var patient = RetrySchedule()
    patient.attempts = 6
    patient.base = .milliseconds(1600)
    patient.ceiling = .seconds(60)
    return try await identity.send(request, connectTimeout: .seconds(2), schedule: patient, judge: judge)
  }

  /// 404 and 410 pass, as the service's page tells: it is being updated.
  @Sendable private func judge(_ response: HTTPResponse) -> ProviderCaller.Verdict {
    switch response.status {
    case 200:
      return .accept
    case 404:
      return .fail(identity.failures.make(.transient, "\(Self.service) is not ready", status: 404))
    case 410:
      return .fail(
        identity.failures.make(
          .transient, "\(Self.service) is being updated", status: 410, retryAfter: Self.pauseWhileUpdated))
    default:
      return .fail(identity.refusal(response, Self.service))
    }
  }
}
