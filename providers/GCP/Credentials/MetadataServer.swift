import EventLoop
import HTTPTransport
import ProviderKit
import Text

/// The metadata server of Google's machines, pods and functions
/// (https://cloud.google.com/compute/docs/metadata/querying-metadata).
struct MetadataServer: Sendable {
  /// It has a name too, but a name can be made to mean another machine.
  private static let standardHost = "169.254.169.254"
  private static let names: Set<String> = ["metadata.google.internal", "metadata"]
  /// Both sides say it, so that neither takes something else for the other.
  private static let flavor = HTTPHeader("Metadata-Flavor", "Google")

  let connection: OpenConnection

  private var isRuledOut: Bool { connection.text(of: GoogleVariable.noMetadata) == "true" }

  /// Why ``isThere()`` said no.
  var absence: String {
    isRuledOut
      ? "\(GoogleVariable.noMetadata) says that there is no metadata server" : "no metadata server answers"
  }

  /// Whether one answers. One that the environment names is taken to be there, so that its faults show, unless it says as well that
  /// there is none.
  func isThere() async throws(ProviderFailure) -> Bool {
    guard !isRuledOut else {
      return false
    }
    if connection.text(of: GoogleVariable.metadataHost) != nil {
      return true
    }
    let url = try address(GoogleVariable.metadataAddress)
    do throws(ProviderFailure) {
      // A machine that has just started may have to be asked twice; elsewhere nobody answers, however often.
      let response = try await connection.send(
        connection.request(.get, url, [Self.flavor]), by: .machine(url, connectTimeout: .seconds(1)),
        schedule: RetrySchedule(attempts: 2)
      ) { _ in .accept }
      return response.status == 200 && Self.isGoogle(response)
    } catch {
      if error.kind == .policy {
        throw error
      }
      return false
    }
  }

  func token(scope: String) async throws(ProviderFailure) -> GoogleAccessToken {
    let url = try address(GoogleVariable.metadataHost)
      .appending(rawPath: "computeMetadata/v1/instance/service-accounts/default/token")
      .with(query: [("scopes", scope)])
    let sentAt = connection.services.time.now
    let response = try await connection.send(
      connection.request(.get, url, [Self.flavor]), by: .machine(url, connectTimeout: .seconds(2)),
      login: "the metadata server", judge: judge)
    guard
      let token = connection.json(ifAny: response).flatMap({
        GoogleAccessToken($0, issuedAt: sentAt, principal: "the machine's service account", quotaProject: nil)
      })
    else {
      throw connection.failure(.malformed, "the metadata server: \(GoogleAccessToken.absence)", response)
    }
    return token
  }

  @Sendable private func judge(_ response: HTTPResponse) -> CallVerdict {
    func failure(_ kind: ProviderFailure.Class, _ message: String, _ hint: String? = nil) -> CallVerdict {
      .fail(connection.failure(kind, message, response, from: .node, hint: hint))
    }
    // What stands before it while it is away has not its header.
    if [408, 429].contains(response.status) || (500...599).contains(response.status) {
      return failure(.transient, "the metadata server is not ready")
    }
    guard Self.isGoogle(response) else {
      return failure(
        .malformed, "what answers is not Google's metadata server",
        "this machine is not Google's, or something stands between; name a credential file")
    }
    switch response.status {
    case 200:
      return .accept
    case 404:
      return failure(.denied, "the machine has no service account", "attach one, or name a credential file")
    case 400, 401, 403:
      return failure(.denied, "the metadata server refuses a token")
    default:
      return failure(.malformed, "an answer that the metadata server does not have")
    }
  }

  private static func isGoogle(_ response: HTTPResponse) -> Bool {
    response.headers.first(flavor.name) == "Google"
  }

  /// Of `host` or `host:port`, as the variables have it.
  private func address(_ variable: String) throws(ProviderFailure) -> HTTPURL {
    let given = connection.text(of: variable)
    let host = given.map { Self.names.contains($0) ? Self.standardHost : $0 } ?? Self.standardHost
    guard !host.contains(where: { "/@?#".contains($0) }), let url = try? HTTPURL(parsing: "http://\(host)") else {
      throw connection.failures.make(.denied, "\(variable) is not a host, with or without a port")
    }
    return url
  }
}
