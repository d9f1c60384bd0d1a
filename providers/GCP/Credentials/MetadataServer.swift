import ExecutionModel
import HTTPTransport
import JSONReader
import ProviderKit

/// The metadata server of Google's machines, pods and functions
/// (https://cloud.google.com/compute/docs/metadata/querying-metadata).
struct MetadataServer: Sendable {
  /// It has a name too, but a name can be made to mean another machine.
  static let standardHost = "169.254.169.254"
  static let names: Set<String> = ["metadata.google.internal", "metadata"]
  /// Both sides say it, so that neither takes something else for the other.
  static let flavor = HTTPHeader("Metadata-Flavor", "Google")
  static let tokenPath = "computeMetadata/v1/instance/service-accounts/default/token"

  let calls: GoogleCalls
  let environment: GoogleEnvironment

  private var failures: FailureMaker { calls.failures }

  /// Why ``isThere()`` said no.
  var absence: String {
    environment.text(GoogleVariable.noMetadata) == "true"
      ? "\(GoogleVariable.noMetadata) says that there is no metadata server" : "no metadata server answers"
  }

  /// Whether one answers. One that the environment names is taken to be there, so that its faults show.
  func isThere() async throws(ProviderFailure) -> Bool {
    if environment.text(GoogleVariable.metadataHost) != nil {
      return true
    }
    guard environment.text(GoogleVariable.noMetadata) != "true" else {
      return false
    }
    let url = try address(environment.text(GoogleVariable.metadataAddress), GoogleVariable.metadataAddress)
    // A machine that has just started may have to be asked twice; elsewhere nobody answers, however often.
    var briefly = RetrySchedule()
    briefly.attempts = 2
    do throws(ProviderFailure) {
      let response = try await calls.send(
        calls.request(.get, url, [Self.flavor]), to: .machine, connectTimeout: .seconds(1), schedule: briefly
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
    let url = try address(environment.text(GoogleVariable.metadataHost), GoogleVariable.metadataHost)
      .appending(rawPath: Self.tokenPath).with(query: [("scopes", scope)])
    let sentAt = calls.services.time.now
    let response = try await calls.send(
      calls.request(.get, url, [Self.flavor]), to: .machine, connectTimeout: .seconds(2), judge: judge)
    guard
      let json = try? JSONValue.parse(response.body, limits: .payload),
      let token = GoogleAccessToken(
        json, issuedAt: sentAt, principal: "the machine's service account", quotaProject: nil)
    else {
      throw failures.make(.malformed, "the metadata server's answer has no token", status: response.status)
    }
    return token
  }

  @Sendable private func judge(_ response: HTTPResponse) -> ProviderCaller.Verdict {
    guard Self.isGoogle(response) else {
      return .fail(
        failures.make(
          .malformed, "what answers is not Google's metadata server", status: response.status,
          hint: "this machine is not Google's, or something stands between; name a credential file"))
    }
    switch response.status {
    case 200:
      return .accept
    case 404:
      return .fail(
        failures.make(
          .denied, "the machine has no service account", status: 404, hint: "attach one, or name a credential file"))
    case 400, 401, 403:
      return .fail(
        failures.make(.denied, "the metadata server refuses a token", status: response.status))
    case 408, 429, 500...599:
      return .fail(
        failures.make(
          .transient, "the metadata server is not ready", status: response.status,
          retryAfter: RetryAfter.wait(response, unixTime: calls.services.time.unixTime)))
    default:
      return .fail(
        failures.make(.malformed, "an answer that the metadata server does not have", status: response.status))
    }
  }

  private static func isGoogle(_ response: HTTPResponse) -> Bool {
    response.headers.first(flavor.name) == "Google"
  }

  /// `host` or `host:port`, as the variables have it.
  private func address(_ given: String?, _ variable: String) throws(ProviderFailure) -> HTTPURL {
    let host = given.map { Self.names.contains($0) ? Self.standardHost : $0 } ?? Self.standardHost
    guard !host.contains(where: { "/@?#".contains($0) }), let url = try? HTTPURL(parsing: "http://\(host)") else {
      throw failures.make(.denied, "\(variable) is not a host, with or without a port")
    }
    return url
  }
}
