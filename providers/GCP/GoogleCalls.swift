import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization

/// Sends requests to Google's services and to what serves subject tokens, each address held against the node policy first.
final class GoogleCalls: Sendable {
  /// Who named the address.
  enum Place: Sendable, Hashable {
    /// A service of the network.
    case service
    /// What serves the identity of this machine: link-local, or loopback. It is asked without a proxy.
    case machine
  }

  private struct Key: Hashable {
    let origin: String
    let place: Place
    let connectTimeout: Duration
  }

  let services: ProviderServices
  let failures: FailureMaker
  let caller: ProviderCaller
  private let clients = Mutex<[Key: any HTTPSending]>([:])

  init(connection: String, services: ProviderServices) {
    self.services = services
    self.failures = FailureMaker(connection: connection)
    self.caller = ProviderCaller(connection: connection, services: services)
  }

  /// - Parameters:
  ///   - connectTimeout: shorter than the connection's own, for services that are on this machine or not at all.
  ///   - schedule: other retries than the connection's own.
  func send(
    _ request: HTTPRequest, to place: Place = .service, about reference: String? = nil,
    connectTimeout: Duration? = nil, schedule: RetrySchedule? = nil,
    judge: @Sendable (HTTPResponse) -> ProviderCaller.Verdict
  ) async throws(ProviderFailure) -> HTTPResponse {
    let client = try client(for: request.url, place, connectTimeout ?? services.limits.connect)
    let caller =
      schedule.map { ProviderCaller(connection: failures.connection, services: services, schedule: $0) } ?? caller
    return try await caller.send(request, over: client, about: reference, judge: judge)
  }

  func checkAddress(_ url: HTTPURL) throws(ProviderFailure) {
    _ = try client(for: url, .service, services.limits.connect)
  }

  func request(
    _ method: HTTPMethod, _ url: HTTPURL, _ headers: [HTTPHeader] = [], body: SecretBytes? = nil
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, url: url, headers: headers, body: body, timeout: services.limits.attempt,
      maximumResponseBytes: services.limits.responseBytes)
  }

  private func client(
    for url: HTTPURL, _ place: Place, _ connectTimeout: Duration
  ) throws(ProviderFailure) -> any HTTPSending {
    do throws(PolicyRefusal) {
      switch place {
      case .service: try services.policy.check(url)
      case .machine: try services.policy.check(metadataService: url)
      }
    } catch {
      throw failures.refused(error)
    }
    let key = Key(origin: url.origin, place: place, connectTimeout: connectTimeout)
    return clients.withLock { clients in
      if let client = clients[key] {
        return client
      }
      var options = HTTPClientOptions()
      options.connectTimeout = connectTimeout
      options.maximumInFlight = services.limits.inFlight
      switch place {
      case .service:
        options.addressRule = services.policy.addressRule(for: url)
      case .machine:
        options.addressRule = services.policy.addressRule(forMetadataService: url)
        options.bypassesProxy = true
      }
      let client = services.transport(options)
      clients[key] = client
      return client
    }
  }
}

extension HTTPHeader {
  /// `Authorization: Bearer TOKEN`.
  static func bearer(_ token: SecretBytes) -> HTTPHeader {
    var value = SecretBuffer(capacity: token.count + 7)
    value.append("Bearer " as StaticString)
    value.append(token)
    return HTTPHeader("Authorization", secret: value.finish())
  }

  /// The project that a call counts on (https://cloud.google.com/docs/quotas/set-quota-project).
  static func quotaProject(_ project: String) -> HTTPHeader {
    HTTPHeader("x-goog-user-project", project)
  }
}
