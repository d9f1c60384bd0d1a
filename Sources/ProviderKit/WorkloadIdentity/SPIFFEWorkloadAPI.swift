import ExecutionModel
import HTTPTransport
import NodePolicy
import SecretBytes
import Text

/// Asks the node's SPIFFE Workload API (a SPIRE agent's, mostly) for JWT-SVIDs: `FetchJWTSVID`, one unary call of gRPC
/// (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md).
struct SPIFFEWorkloadAPI: Sendable {
  /// Bytes of an answer: JWT-SVIDs are a few hundred each.
  private static let maximumBytes = 256 * 1024

  let connection: OpenConnection

  func token(for audience: String) async throws(ProviderFailure) -> SecretBytes {
    try connection.allowed { policy throws(PolicyRefusal) in try policy.check(spiffeAudience: audience) }
    let endpoint = try endpoint()
    let url = endpoint.url.appending(rawPath: "SpiffeWorkloadAPI/FetchJWTSVID")
    let headers = [
      HTTPHeader("content-type", "application/grpc"), HTTPHeader("te", "trailers"),
      // The standard's guard against requests that a browser or a proxy was talked into.
      HTTPHeader("workload.spiffe.io", "true"),
    ]
    let request = connection.request(
      .post, url, headers, body: JWTSVIDMessages.request(audience: audience), maximumBytes: Self.maximumBytes)
    let response = try await connection.send(request, by: .workloadAPI(endpoint), login: name) { response in
      verdict(response).map { .fail($0) } ?? .accept
    }
    do throws(JWTSVIDMessages.Fault) {
      return try JWTSVIDMessages.token(in: response.body)
    } catch {
      throw connection.failures.make(
        .malformed, "\(name): the answer \(error.message)", hint: "check that the socket is a SPIFFE Workload API's")
    }
  }

  private var name: String { "the SPIFFE Workload API" }

  /// The policy's, else what the standard's variable says.
  private func endpoint() throws(ProviderFailure) -> SPIFFEEndpoint {
    let (given, place) =
      connection.services.policy.spiffeSocket.map { ($0, "the policy's spiffe_socket") }
      ?? (connection.services.environment.setting(SPIFFEEndpoint.variable), SPIFFEEndpoint.variable)
    guard let given else {
      throw connection.failures.make(
        .denied, "auth.jwt_spiffe: neither the policy's spiffe_socket nor \(SPIFFEEndpoint.variable) is set",
        hint: "name the Workload API's socket, as unix:///run/spire/agent.sock")
    }
    guard let endpoint = SPIFFEEndpoint(given) else {
      throw connection.failures.make(
        .denied, "\(place) is not a Workload API's address: \(ShownText.clean(given))",
        hint: "write unix:///path, or tcp:// with an IP address and a port")
    }
    return endpoint
  }

  /// What gRPC's status says (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md); `nil`: there is an answer.
  private func verdict(_ response: HTTPResponse) -> ProviderFailure? {
    guard response.status == 200, response.headers.first("content-type")?.hasPrefix("application/grpc") == true else {
      return connection.failures.make(
        .malformed, "\(name): what answers does not speak gRPC (status \(response.status))",
        hint: "check that the socket is a SPIFFE Workload API's")
    }
    let code = response.headers.first("grpc-status").flatMap { Int($0) }
    let words = connection.words(response.headers.first("grpc-message")).map { ": \($0)" } ?? ""
    switch code {
    case 0?: return nil
    case 7?, 16?:
      return connection.failures.make(
        .denied, "\(name) gives this process no identity\(words)",
        hint: "register the agent with SPIRE, with selectors that match it")
    case 3?:
      return connection.failures.make(.denied, "\(name) refuses the request\(words)", hint: "check the audience")
    // What may pass by itself is told with the login's name in any case.
    case let code?:
      return connection.failures.make(.transient, "failed with gRPC status \(code)\(words)")
    case nil:
      return connection.failures.make(.transient, "the answer has no gRPC status")
    }
  }
}
