import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes

/// The token service of the Azure Arc agent. It names a file that only root and its group can read, and wants its content back
/// (https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication#acquiring-an-access-token-using-rest-api).
struct ArcIdentity: Sendable {
  static let service = "the Azure Arc agent"
  /// Where the agent puts its challenge files.
  static let tokens = "/var/opt/azcmagent/tokens"
  static let maximumFileBytes = 4096

  let identity: ManagedIdentity
  let endpoint: HTTPURL
  var folder = Self.tokens

  func token(for resource: String) async throws(ProviderFailure) -> AzureAccessToken {
    guard identity.clientID == nil else {
      throw identity.failures.make(
        .denied, "\(Self.service) knows the machine's own identity only", hint: "remove managed_identity_client_id")
    }
    let query = [("api-version", "2020-06-01"), ("resource", resource)]
    let metadata = HTTPHeader("Metadata", "true")
    let challenge = try await identity.send(
      identity.request(endpoint, query, [metadata]), connectTimeout: .seconds(5)
    ) { $0.status == 401 ? .accept : .fail(unchallenged($0)) }
    let key = try key(named: challenge.headers.first("WWW-Authenticate"))
    var authorization = SecretBuffer()
    authorization.append("Basic " as StaticString)
    authorization.append(key)
    let answer = identity.request(
      endpoint, query, [metadata, HTTPHeader("Authorization", secret: authorization.finish())])
    let sentAt = identity.services.time.now
    let response = try await identity.send(answer, connectTimeout: .seconds(5)) {
      $0.status == 200 ? .accept : .fail(identity.refusal($0, Self.service))
    }
    return try identity.token(in: response, Self.service, sentAt: sentAt)
  }

  private func unchallenged(_ response: HTTPResponse) -> ProviderFailure {
    guard response.status != 200 else {
      return identity.failures.make(.malformed, "\(Self.service) answered without its challenge", status: 200)
    }
    return identity.refusal(response, Self.service)
  }

  /// The content of the challenge file, if the agent may have named it: whoever listens there must not make us read others.
  private func key(named header: String?) throws(ProviderFailure) -> SecretBytes {
    guard let path = header.flatMap(Self.realm), isChallengeFile(path) else {
      throw identity.failures.make(
        .policy, "\(Self.service)'s challenge names no .key file of \(folder), so nothing is read", status: 401)
    }
    let content: SecretBytes
    do throws(NodeFileFault) {
      content = try identity.services.files.credential(path)
    } catch {
      throw identity.failures.file(error, "Azure Arc's challenge file")
    }
    guard content.count <= Self.maximumFileBytes else {
      throw identity.failures.make(.policy, "Azure Arc's challenge file is larger than 4096 bytes, so it is not sent")
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
    return name.utf8.count > 4 && !name.contains("/") && !name.utf8.contains { $0 < 0x20 }
  }
}
