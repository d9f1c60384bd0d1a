import HTTPTransport
import ProviderKit
import SecretBytes

/// The token service of App Service, Functions and Container Apps
/// (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
struct AppServiceIdentity: Sendable {
  static let service = "App Service's identity endpoint"

  let identity: ManagedIdentity
  let endpoint: HTTPURL
  /// Proves that the caller runs inside the app.
  let header: SecretBytes

  func token(for resource: String) async throws(ProviderFailure) -> AzureAccessToken {
    var query = [("api-version", "2019-08-01"), ("resource", resource)]
    if let clientID = identity.clientID {
      query.append(("client_id", clientID))
    }
    // `Metadata` is for Azure Automation, which has the same endpoint and demands it.
    let request = identity.request(
      endpoint, query, [HTTPHeader("X-IDENTITY-HEADER", secret: header), HTTPHeader("Metadata", "true")])
    let sentAt = identity.services.time.now
    let response = try await identity.send(request, connectTimeout: .seconds(5)) {
      $0.status == 200 ? .accept : .fail(identity.refusal($0, Self.service))
    }
    return try identity.token(in: response, Self.service, sentAt: sentAt)
  }
}
