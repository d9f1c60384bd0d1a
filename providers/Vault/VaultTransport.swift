import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import Synchronization

/// The HTTP client of one Vault connection, made anew when the TLS files that it was made from have changed.
final class VaultTransport: Sendable {
  private struct Held {
    let tls: TLSOptions
    let client: any HTTPSending
  }

  private let held = Mutex<Held?>(nil)
  private let connection: ProviderConnection
  private let address: HTTPURL
  private let services: ProviderServices
  private let failures: FailureMaker

  init(connection: ProviderConnection, address: HTTPURL, services: ProviderServices) {
    self.connection = connection
    self.address = address
    self.services = services
    self.failures = FailureMaker(connection: connection.name)
  }

  /// The client at hand, or the first one.
  func client() throws(ProviderFailure) -> any HTTPSending {
    if let client = held.withLock({ $0?.client }) {
      return client
    }
    return try reread()
  }

  /// Reads the TLS files again (certificates rotate) and keeps the client where they are the same.
  func reread() throws(ProviderFailure) -> any HTTPSending {
    do throws(PolicyRefusal) {
      try services.policy.check(address)
      if connection.fields.boolean("tls.skip_verify") == true {
        try services.policy.checkSkipVerify()
      }
    } catch {
      throw failures.refused(error)
    }
    let tls = try options()
    if let held = held.withLock({ $0 }), held.tls == tls {
      return held.client
    }
    if tls.skipVerify {
      services.log.warning(
        "certificate is not verified: tls.skip_verify is set",
        metadata: ["provider": "\(connection.name)", "host": "\(address.host)"])
    }
    var options = HTTPClientOptions()
    options.tls = tls
    options.connectTimeout = services.limits.connect
    options.maximumInFlight = services.limits.inFlight
    options.addressRule = services.policy.addressRule(for: address)
    let client = services.transport(options)
    held.withLock { $0 = Held(tls: tls, client: client) }
    return client
  }

  private func options() throws(ProviderFailure) -> TLSOptions {
    var tls = TLSOptions()
    tls.ca = try pem("tls.ca_cert")
    tls.clientCertificate = try pem("tls.client_cert")
    tls.clientKey = try pem("tls.client_key")
    tls.skipVerify = connection.fields.boolean("tls.skip_verify") ?? false
    return tls
  }

  /// The PEM text given, or the content of the file named.
  private func pem(_ field: String) throws(ProviderFailure) -> SecretBytes? {
    guard let given = connection.fields.credential(field) else {
      return nil
    }
    guard given.slice(0..<1).equals("/"), let path = given.unsafeString() else {
      return given
    }
    do throws(NodeFileFault) {
      return try services.files.credential(path)
    } catch {
      throw failures.file(error, field)
    }
  }
}
