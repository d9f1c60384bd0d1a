import HTTPTransport
import ProviderKit
import SecretBytes
import Text

/// The token service of the Azure Arc agent. It names a file that only root and its group can read, and wants its content back
/// (https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication#acquiring-an-access-token-using-rest-api).
struct ArcIdentity: Sendable {
  static let service = "the Azure Arc agent"
  static let maximumFileBytes = 4096

  let identity: ManagedIdentity
  let endpoint: HTTPURL
  /// Where the agent puts its challenge files.
  var folder = "/var/opt/azcmagent/tokens"

  private var connection: OpenConnection { identity.connection }

  func token(for resource: String) async throws(ProviderFailure) -> AzureAccessToken {
    guard identity.clientID == nil else {
      throw connection.failures.make(
        .denied, "\(Self.service) knows the machine's own identity only", hint: "remove \(identity.clientIDPlace)")
    }
    let challenge = try await send(resource) { $0.status == 401 ? .accept : .fail(unchallenged($0)) }
    var authorization = SecretBuffer()
    authorization.append("Basic " as StaticString)
    authorization.append(try key(named: challenge.headers.first("WWW-Authenticate")))
    let header = HTTPHeader("Authorization", secret: authorization.finish())
    return try await identity.token(of: Self.service) { () throws(ProviderFailure) in
      try await send(resource, [header]) { $0.status == 200 ? .accept : .fail(identity.refusal($0, Self.service)) }
    }
  }

  private func send(
    _ resource: String, _ headers: [HTTPHeader] = [], judge: @Sendable (HTTPResponse) -> CallVerdict
  ) async throws(ProviderFailure) -> HTTPResponse {
    let request = identity.request(endpoint, "2020-06-01", resource, headers)
    return try await identity.send(request, to: Self.service, within: .seconds(5), judge: judge)
  }

  private func unchallenged(_ response: HTTPResponse) -> ProviderFailure {
    response.status == 200
      ? connection.failure(.malformed, "\(Self.service) answered without its challenge", response)
      : identity.refusal(response, Self.service)
  }

  /// The content of the challenge file, if the agent may have named it: whoever listens there must not make us read others.
  private func key(named header: String?) throws(ProviderFailure) -> SecretBytes {
    guard let path = header.flatMap(Self.realm), isChallengeFile(path) else {
      throw connection.failures.make(
        .policy, "\(Self.service)'s challenge names no .key file of \(folder), so nothing is read", status: 401)
    }
    let content = try connection.content(ofCredentialFile: path, named: "Azure Arc's challenge file")
    guard content.count <= Self.maximumFileBytes else {
      throw connection.failures.make(
        .policy, "Azure Arc's challenge file is larger than \(Self.maximumFileBytes) bytes, so it is not sent")
    }
    return content.trimmed
  }

  /// The path of `Basic realm=/var/opt/azcmagent/tokens/….key`, with or without quotes.
  static func realm(_ header: String) -> String? {
    let parts = header.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].lowercased() == "basic realm" else {
      return nil
    }
    let value = parts[1]
    return String(
      value.hasPrefix("\"") && value.hasSuffix("\"") && value.count > 1 ? value.dropFirst().dropLast() : value)
  }

  private func isChallengeFile(_ path: String) -> Bool {
    let prefix = folder + "/"
    guard path.hasPrefix(prefix), path.hasSuffix(".key") else {
      return false
    }
    let name = path.dropFirst(prefix.count)
    return name.utf8.count > 4 && !name.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "/") }
  }
}
