import Foundation

/// A SPIFFE Workload API on a Unix socket or a port, by PyPI's `spiffe` (its own service definition) and grpcio: it signs JWT-SVIDs by RS256, and
/// refuses what the standard has a server refuse.
public final class WorkloadAPIServer {
  public enum Manner: String, Sendable {
    case issues
    /// The process is registered for nothing.
    case refuses
    case isDown
    /// Its answer has no identity in it.
    case issuesNothing
    /// What it issues has ended.
    case issuesEnded
    /// An answer that is none.
    case issuesNonsense
    /// An identity whose token is none.
    case issuesNoJWT
  }

  /// What its tokens say of who issued them.
  public static let issuer = "https://spire.example.org"
  /// Whom they are of.
  public static let identity = "spiffe://example.org/agent"

  /// What a test may do with a server that runs.
  public struct Control: Sendable {
    /// As `SPIFFE_ENDPOINT_SOCKET` has it.
    public let address: String
    fileprivate let folder: String

    /// From now on.
    public func turn(to manner: Manner) throws {
      try Data(manner.rawValue.utf8).write(to: URL(fileURLWithPath: "\(folder)/manner"), options: .atomic)
    }

    /// The audiences of each call so far, separated by commas.
    public var asked: [String] {
      let text = try? String(contentsOfFile: "\(folder)/asked", encoding: .utf8)
      return text?.split(separator: "\n").map(String.init) ?? []
    }
  }

  public let control: Control
  public var address: String { control.address }
  private let process: Process

  /// - Parameter key: a file with an RSA key in PEM; the claims are ``issuer``, ``identity``, `aud` and `exp`.
  public init(in folder: String, key: String, _ manner: Manner = .issues, isUnixSocket: Bool = true) throws {
    let socket = "unix://\(folder)/workload.sock"
    try Control(address: socket, folder: folder).turn(to: manner)
    process = Python.process(["-c", Self.script, isUnixSocket ? socket : "127.0.0.1:0", key, folder])
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    var said = ""
    while !said.hasSuffix(" serving\n") {
      let part = output.fileHandleForReading.availableData
      guard !part.isEmpty else {
        throw Python.Fault(status: process.terminationStatus, said: said)
      }
      said += String(decoding: part, as: UTF8.self)
    }
    output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    let port = said.split(separator: "\n").last?.split(separator: " ").first ?? ""
    control = Control(address: isUnixSocket ? socket : "tcp://127.0.0.1:\(port)", folder: folder)
  }

  deinit {
    // The test runner's threads block SIGTERM, and a child inherits that.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// What `spiffe`'s own client gets here.
  public func tokenOfReferenceClient(audience: String) throws -> String {
    try Python.run(
      """
      import sys
      from spiffe import WorkloadApiClient
      with WorkloadApiClient(sys.argv[1]) as client:
          print(client.fetch_jwt_svid(audience={sys.argv[2]}).token)
      """, [address, audience]
    ).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static let script = """
    import concurrent.futures, sys, threading, time
    import grpc, jwt
    from spiffe._proto import workload_pb2
    address, key, folder = sys.argv[1], open(sys.argv[2]).read(), sys.argv[3]
    def fetch(request, context):
        with open(folder + '/asked', 'a') as asked:
            print(','.join(request.audience), file=asked)
        manner = open(folder + '/manner').read()
        if ('workload.spiffe.io', 'true') not in [tuple(pair) for pair in context.invocation_metadata()]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'security header missing from request')
        if not request.audience:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'audience must be specified')
        if manner == 'refuses':
            context.abort(grpc.StatusCode.PERMISSION_DENIED, 'no identity issued')
        if manner == 'isDown':
            context.abort(grpc.StatusCode.UNAVAILABLE, 'agent is starting')
        if manner == 'issuesNonsense':
            return b'\\xff\\xff'
        identity = '\(identity)'
        now = int(time.time())
        end = now - 300 if manner == 'issuesEnded' else now + 300
        claims = {'iss': '\(issuer)', 'sub': identity, 'aud': list(request.audience), 'iat': now - 600, 'exp': end}
        token = jwt.encode(claims, key, algorithm='RS256', headers={'kid': '1'})
        if manner == 'issuesNoJWT':
            token = 'not a token'
        svids = [workload_pb2.JWTSVID(spiffe_id=identity, svid=token, hint='first'),
                 workload_pb2.JWTSVID(spiffe_id=identity + '/2', svid=token + 'x')]
        return workload_pb2.JWTSVIDResponse(svids=[] if manner == 'issuesNothing' else svids).SerializeToString()
    handler = grpc.unary_unary_rpc_method_handler(
        fetch, request_deserializer=workload_pb2.JWTSVIDRequest.FromString, response_serializer=bytes)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([
        grpc.method_handlers_generic_handler('SpiffeWorkloadAPI', {'FetchJWTSVID': handler})])
    port = server.add_insecure_port(address)
    server.start()
    print(port, 'serving', flush=True)
    threading.Event().wait()
    """
}
