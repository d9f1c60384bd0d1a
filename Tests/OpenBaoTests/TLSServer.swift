import Foundation
import TestSupport

/// A configured OpenBao server: storage in memory, and two TLS listeners.
///
/// One demands client certificates; the other shows a certificate that has expired. Certificates are for the name
/// `localhost` only, so that `127.0.0.1` is a name that does not match.
final class TLSServer: Sendable {
  /// With the right name, for clients that show a certificate.
  let address: String
  let addressByNumber: String
  let expiredAddress: String
  let root: OpenBaoClient
  let certificates: Certificates
  private let watch: Watch
  /// What opens the server; empty until it is initialised.
  private let unsealKey: String

  private init(
    port: UInt16, root: OpenBaoClient, certificates: Certificates, watch: Watch, unsealKey: String
  ) {
    address = "https://localhost:\(port)"
    addressByNumber = "https://127.0.0.1:\(port)"
    expiredAddress = "https://localhost:\(port + 1)"
    self.root = root
    self.certificates = certificates
    self.watch = watch
    self.unsealKey = unsealKey
  }

  /// Open, with `secret/tls` holding one field.
  static func shared() async throws -> TLSServer { try await unsealed.value }

  static let value = "value behind mutual TLS"

  private static let unsealed = Task<TLSServer, any Error> {
    let server = try await sealed()
    try await server.root.write("sys/unseal", ["key": .string(server.unsealKey)])
    try await server.root.write("sys/mounts/secret", ["type": "kv", "options": ["version": "2"]])
    try await server.root.write("secret/data/tls", ["data": ["word": .string(value)]])
    return server
  }

  /// Initialised and sealed.
  static func sealed() async throws -> TLSServer {
    var lastFault: any Error = NoFreePorts()
    for _ in 0..<5 {
      do {
        return try await started()
      } catch ServerFault.endedBeforeItWasReady(let log) {
        lastFault = ServerFault.endedBeforeItWasReady(log: log)
      }
    }
    throw lastFault
  }

  private static func started() async throws -> TLSServer {
    let folder = try ScratchFolder()
    let certificates = try await Certificates(folder: folder)
    let port = try freePorts(inARow: 4)
    let config = try folder.write(
      """
      storage "inmem" {}
      api_addr = "https://localhost:\(port)"
      \(listener(port, cluster: port + 2, certificates.server, demandsCertificateOf: certificates.authority.certificate))
      \(listener(port + 1, cluster: port + 3, certificates.expired))
      """, as: "server.hcl")
    let watch = try Watch(["server", "-config=\(config)"], folder: folder)
    var root = OpenBaoClient(address: "https://localhost:\(port)", token: "none", folder: folder)
    root.options = [
      "cacert = \"\(certificates.authority.certificate)\"", "cert = \"\(certificates.client.certificate)\"",
      "key = \"\(certificates.client.key)\"",
    ]
    try await watch.waitUntilReady { try await root.isListening() }
    let answer = try await root.write("sys/init", ["secret_shares": 1, "secret_threshold": 1])
    root.token = try answer.top("root_token")
    let keys: [String] = try answer.top("keys_base64")
    return TLSServer(port: port, root: root, certificates: certificates, watch: watch, unsealKey: keys.first ?? "")
  }

  private static func listener(
    _ port: UInt16, cluster: UInt16, _ pair: Certificates.Pair, demandsCertificateOf authority: String? = nil
  ) -> String {
    let demand = authority.map {
      """
        tls_require_and_verify_client_cert = true
        tls_client_ca_file = "\($0)"
      """
    }
    return """
      listener "tcp" {
        address = "127.0.0.1:\(port)"
        cluster_address = "127.0.0.1:\(cluster)"
        tls_cert_file = "\(pair.certificate)"
        tls_key_file = "\(pair.key)"
      \(demand ?? "")
      }
      """
  }
}
