import Glibc
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

/// What a fake answers.
public struct FakeReply: Sendable {
  public var status: Int
  public var headers: [(String, String)]
  public var body: String

  public init(status: Int, headers: [(String, String)] = [], body: String) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  public static func json(_ status: Int, _ body: String) -> FakeReply {
    FakeReply(status: status, headers: [("Content-Type", "application/json")], body: body)
  }
}

/// How a fake listens.
public enum FakeTLS: Sendable {
  case none
  case server(FakeCertificate)
  /// HTTP/2 for clients that offer it, else HTTP/1.1. Faults that break HTTP itself (`truncated`, `garbage`) need the others.
  case http2(FakeCertificate)
  /// Only clients with a certificate of the authority get in.
  case mutual(FakeCertificate, clientAuthority: FakeCertificate)
}

/// A local HTTP server that records what it is asked, and misbehaves on demand. It knows nothing of any store.
public final class FakeServer: Sendable {
  public typealias Answer = @Sendable (RecordedRequest) -> FakeReply

  public let recorder: RequestRecorder
  public let faults: FaultTable
  public let port: Int
  /// `http://127.0.0.1:PORT`, or `https`.
  public let address: String
  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup
  private let connections: ConnectionCount

  /// Connections accepted so far.
  public var connectionCount: Int { connections.value }

  private init(
    channel: any Channel, port: Int, scheme: String, group: MultiThreadedEventLoopGroup,
    _ shared: RequestHandler.Shared
  ) {
    self.channel = channel
    self.port = port
    self.address = "\(scheme)://127.0.0.1:\(port)"
    self.group = group
    self.recorder = shared.recorder
    self.faults = shared.faults
    self.connections = shared.connections
  }

  /// Listens on 127.0.0.1; port 0 is an ephemeral one. Several servers may share one recorder and fault table.
  public static func start(
    port: Int = 0, tls: FakeTLS = .none, recorder: RequestRecorder = RequestRecorder(),
    faults: FaultTable = FaultTable(), answer: @escaping Answer
  ) async throws -> FakeServer {
    let shared = RequestHandler.Shared(
      recorder: recorder, faults: faults, connections: ConnectionCount(), answer: answer)
    let context = try tls.context()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        let number = shared.connections.next()
        let secured = channel.eventLoop.makeCompletedFuture {
          if let context {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
          }
        }
        // Of the connection, or of one of its streams.
        let configure = { @Sendable (requests: any Channel) in
          requests.eventLoop.makeCompletedFuture {
            try requests.pipeline.syncOperations.addHandler(RequestHandler(shared, connection: number))
          }
        }
        guard case .http2 = tls else {
          return secured.flatMap { channel.pipeline.configureHTTPServerPipeline() }.flatMap { configure(channel) }
        }
        return secured.flatMap { channel.configureCommonHTTPServerPipeline(configure) }
      }
    do {
      let channel = try await bootstrap.bind(host: "127.0.0.1", port: port).get()
      guard let port = channel.localAddress?.port else {
        throw FakeFault("the server has no port")
      }
      return FakeServer(channel: channel, port: port, scheme: tls.scheme, group: group, shared)
    } catch {
      try? await group.shutdownGracefully()
      throw FakeFault("127.0.0.1:\(port): \(obstacle(error))")
    }
  }

  private static func obstacle(_ error: any Error) -> String {
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE?: "another process has this port; stop it, or choose another port (0: any that is free)"
    case EACCES?: "this port is for root; choose another port (0: any that is free)"
    default: "\(error)"
    }
  }

  public func stop() async {
    try? await channel.close()
    try? await group.shutdownGracefully()
  }
}

extension FakeTLS {
  var scheme: String {
    if case .none = self { "http" } else { "https" }
  }

  fileprivate func context() throws -> NIOSSLContext? {
    let own: FakeCertificate
    var authority: FakeCertificate?
    switch self {
    case .none: return nil
    case .server(let certificate), .http2(let certificate): own = certificate
    case .mutual(let certificate, let clients): (own, authority) = (certificate, clients)
    }
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(own.certificate.utf8)).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = try NIOSSLPrivateKey(bytes: Array(own.key.utf8), format: .pem)
    var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
    if case .http2 = self {
      configuration.applicationProtocols = NIOHTTP2SupportedALPNProtocols
    }
    if let authority {
      configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.certificate.utf8)))
      configuration.certificateVerification = .noHostnameVerification
    }
    return try NIOSSLContext(configuration: configuration)
  }
}

final class ConnectionCount: Sendable {
  private let count = Atomic(0)

  var value: Int { count.load(ordering: .relaxed) }

  func next() -> Int {
    count.add(1, ordering: .relaxed).newValue
  }
}
