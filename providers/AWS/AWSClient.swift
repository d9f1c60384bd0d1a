import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import Synchronization

/// The address and the HTTP client of one connection to one service, made at the first call.
final class AWSClient: Sendable {
  private struct Open {
    let address: HTTPURL
    let client: any HTTPSending
  }

  private let open = Mutex<Open?>(nil)
  private let connection: ProviderConnection
  private let services: ProviderServices
  private let failures: FailureMaker

  init(connection: ProviderConnection, services: ProviderServices) {
    self.connection = connection
    self.services = services
    self.failures = FailureMaker(connection: connection.name)
  }

  func open(service: String) throws(ProviderFailure) -> (HTTPURL, any HTTPSending) {
    if let open = open.withLock({ $0 }) {
      return (open.address, open.client)
    }
    let address = try AWSEndpoint.url(
      service: service, region: connection.fields.text("region") ?? "", connection: connection, services: services)
    var options = HTTPClientOptions()
    options.connectTimeout = services.limits.connect
    options.maximumInFlight = services.limits.inFlight
    do throws(PolicyRefusal) {
      try services.policy.check(address)
    } catch {
      throw failures.refused(error)
    }
    options.addressRule = services.policy.addressRule(for: address)
    let made = Open(address: address, client: services.transport(options))
    return open.withLock { open in
      // Two first calls at once: the one that came first stays.
      let kept = open ?? made
      open = kept
      return (kept.address, kept.client)
    }
  }
}
