import SecretBytes
import Text

/// How one client's connections are made. One client serves one connection of the document.
public struct HTTPClientOptions: Sendable {
  public var tls = TLSOptions()
  /// Path of a Unix socket to connect to in the place of the URL's host.
  public var unixSocket: String?
  public var connectTimeout: Duration = .seconds(5)
  /// Requests under way at once at most, to a near server fewer (``InFlightLimit``). Further ones wait in the order of their coming.
  public var maximumInFlight = 64
  public var addressRule = HTTPAddressRule.noLinkLocal
  public var userAgent = "secrets-agent"
  /// Connects directly whatever proxy the environment names: for services that only this machine can reach. Loopback always is.
  public var bypassesProxy = false
  /// Speaks HTTP/2 from the first byte also without TLS, as gRPC servers want it.
  public var hasPriorKnowledge = false

  public init() {}

  /// Whom a request goes to, as people know it: the URL's host says nothing where a socket takes its place.
  func peer(of url: HTTPURL) -> String {
    unixSocket.map { ShownText.clean($0) } ?? "\(url.host):\(url.port)"
  }
}

/// What the socket itself may connect to, whatever a name resolves to at the time.
public enum HTTPAddressRule: Sendable, Equatable {
  case any
  /// Not 169.254.0.0/16, fe80::/10 or fd00:ec2::254.
  case noLinkLocal
  /// Only 127.0.0.0/8 and ::1.
  case loopbackOnly
}

/// TLS 1.2 or newer; PEM as bytes, so that who made the options decided which files are read.
public struct TLSOptions: Sendable, Equatable {
  /// CA certificates to trust in the place of the system's.
  public var ca: SecretBytes?
  public var clientCertificate: SecretBytes?
  public var clientKey: SecretBytes?
  public var skipVerify = false

  public init() {}
}
