import ExecutionModel
import HTTPTransport
import NodePolicy
import Text

/// Who is called, as far as the client depends on it.
public struct Route: Sendable, Hashable {
  /// As `https://vault.example.com:8200`.
  let origin: String
  /// Whether the service serves the identity of this machine: link-local, or loopback. It is asked without a proxy.
  let isMachine: Bool
  let connectTimeout: Duration?
  /// Path of a Unix socket in the place of the origin's host and port.
  var socket: String?
  /// Whether the service speaks HTTP/2 without TLS.
  var isGRPC = false

  /// A service of the network.
  public static func network(_ url: HTTPURL) -> Route {
    Route(origin: url.origin, isMachine: false, connectTimeout: nil)
  }

  /// What serves the identity of this machine, found out about sooner than the connection's own limit where it may not be there.
  public static func machine(_ url: HTTPURL, connectTimeout: Duration? = nil) -> Route {
    Route(origin: url.origin, isMachine: true, connectTimeout: connectTimeout)
  }

  /// The node's SPIFFE Workload API, whose address the node's owner chose.
  static func workloadAPI(_ endpoint: SPIFFEEndpoint) -> Route {
    Route(
      origin: endpoint.url.origin, isMachine: true, connectTimeout: nil, socket: endpoint.socket, isGRPC: true)
  }
}

extension OpenConnection {
  struct Client: Sendable {
    let tls: TLSOptions
    let transport: any HTTPSending
  }

  /// Holds an address against the node policy, and against what it says of the credentials that the connection has taken up; sends
  /// nothing.
  public func check(_ url: HTTPURL, _ route: Route) throws(ProviderFailure) {
    try allowed { policy throws(PolicyRefusal) in
      if route.isMachine {
        try policy.check(metadataService: url)
      } else {
        try policy.check(url)
      }
    }
    // Where the machine itself says who it is, nothing is sent that says so.
    if !route.isMachine || !NodePolicy.isOfMachine(url) {
      try checkCredentials(sentTo: url)
    }
  }

  /// The client for calls to `url`, which the policy must allow: the same one for every call of a route, and another one where `tls`
  /// has changed meanwhile.
  public func client(
    for url: HTTPURL, _ route: Route, tls: TLSOptions = TLSOptions()
  ) throws(ProviderFailure) -> any HTTPSending {
    try check(url, route)
    if tls.skipVerify {
      try allowed { policy throws(PolicyRefusal) in try policy.checkSkipVerify() }
    }
    return clients.withLock { clients in
      if let client = clients[route], client.tls == tls {
        return client.transport
      }
      if tls.skipVerify {
        services.log.warning(
          "certificate is not verified: tls.skip_verify is set",
          metadata: ["provider": "\(name)", "host": "\(url.host)"])
      }
      let transport = services.transport(options(url, route, tls))
      clients[route] = Client(tls: tls, transport: transport)
      return transport
    }
  }

  private func options(_ url: HTTPURL, _ route: Route, _ tls: TLSOptions) -> HTTPClientOptions {
    var options = HTTPClientOptions()
    options.tls = tls
    options.connectTimeout = min(route.connectTimeout ?? services.limits.connect, services.limits.connect)
    options.maximumInFlight = services.limits.inFlight
    options.addressRule =
      route.isMachine ? services.policy.addressRule(forMetadataService: url) : services.policy.addressRule(for: url)
    options.bypassesProxy = route.isMachine
    options.unixSocket = route.socket
    options.hasPriorKnowledge = route.isGRPC
    return options
  }
}
