import Foundation

/// A SPIFFE Workload API on a Unix socket, by PyPI's `spiffe` (its own service definition) and grpcio: it signs JWT-SVIDs by RS256, and
/// refuses what the standard has a server refuse.
public final class WorkloadAPIServer {
  public enum Manner: String, Sendable {
    case issues
    /// The process is registered for nothing.
    case refuses
    case isDown
    /// Its answer has no identity in it.
    case issuesNothing
  }

  /// As `SPIFFE_ENDPOINT_SOCKET` has it.
  public let address: String
  private let process: Process

  /// - Parameter key: a file with an RSA key in PEM; the claims are `sub` = `spiffe://example.org/agent`, `aud` and `exp`.
  public init(in folder: String, key: String, _ manner: Manner = .issues) throws {
    address = "unix://\(folder)/workload.sock"
    process = Python.process(["-c", Self.script, address, key, manner.rawValue])
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    var said = ""
    while !said.hasSuffix("serving\n") {
      let part = output.fileHandleForReading.availableData
      guard !part.isEmpty else {
        throw Python.Fault(status: process.terminationStatus, said: said)
      }
      said += String(decoding: part, as: UTF8.self)
    }
    output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
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
    from spiffe._proto import workload_pb2, workload_pb2_grpc
    address, key, manner = sys.argv[1], open(sys.argv[2]).read(), sys.argv[3]
    class API(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
        def FetchJWTSVID(self, request, context):
            if ('workload.spiffe.io', 'true') not in [tuple(pair) for pair in context.invocation_metadata()]:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'security header missing from request')
            if not request.audience:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'audience must be specified')
            if manner == 'refuses':
                context.abort(grpc.StatusCode.PERMISSION_DENIED, 'no identity issued')
            if manner == 'isDown':
                context.abort(grpc.StatusCode.UNAVAILABLE, 'agent is starting')
            identity = 'spiffe://example.org/agent'
            now = int(time.time())
            claims = {'sub': identity, 'aud': list(request.audience), 'iat': now, 'exp': now + 300}
            token = jwt.encode(claims, key, algorithm='RS256', headers={'kid': '1'})
            svids = [workload_pb2.JWTSVID(spiffe_id=identity, svid=token, hint='first'),
                     workload_pb2.JWTSVID(spiffe_id=identity + '/2', svid=token + 'x')]
            return workload_pb2.JWTSVIDResponse(svids=[] if manner == 'issuesNothing' else svids)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(API(), server)
    server.add_insecure_port(address)
    server.start()
    print('serving', flush=True)
    threading.Event().wait()
    """
}
