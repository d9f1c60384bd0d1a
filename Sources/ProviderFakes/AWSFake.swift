import Glibc
import SecretBytes

/// A local server that behaves as AWS does where this agent calls it: Secrets Manager, Systems Manager's parameters and the Security
/// Token Service, all behind Signature Version 4, and beside them the instance metadata service and the containers' credential
/// endpoint. One port serves all; the request itself says which service it is meant for.
///
/// It checks what the services check (signature, scope, time, session token, life of temporary keys, roles' conditions, signatures of
/// web identities) by code of its own, so that a fault of the agent's signer cannot hide in it.
public final class AWSFake: FakeStore {
  public static let account = "123456789012"

  public let server: FakeServer
  private let core: AWSFakeCore

  public var region: String { core.change { $0.region } }

  private init(server: FakeServer, core: AWSFakeCore) {
    self.server = server
    self.core = core
  }

  /// - Parameters:
  ///   - region: the only one that signatures may be scoped to.
  ///   - clock: unix time in seconds; the machine's by default.
  public static func start(
    port: Int = 0, tls: FakeTLS = .none, region: String = "us-east-1",
    clock: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
  ) async throws -> AWSFake {
    let core = AWSFakeCore(region: region, clock: clock)
    return AWSFake(server: try await .serving(core, port: port, tls: tls), core: core)
  }

  /// The same AWS on one more port.
  public func listening(port: Int = 0, tls: FakeTLS) async throws -> AWSFake {
    AWSFake(server: try await server.joined(by: core, port: port, tls: tls), core: core)
  }

  // MARK: - Identities

  /// A key that may sign. With `sessionToken` it is a temporary one, which ends after `seconds`.
  public func addAccessKey(
    _ id: String, secret: String, sessionToken: String? = nil, seconds: Int64? = nil, user: String = "tester"
  ) {
    core.change {
      $0.accessKeys[id] = .init(
        secret: secret, sessionToken: sessionToken, expires: seconds.map { $0 + core.now },
        principal: "arn:aws:iam::\(Self.account):user/\(user)")
    }
  }

  /// The key is no longer known.
  public func removeAccessKey(_ id: String) {
    core.change { $0.accessKeys[id] = nil }
  }

  /// A role that signed callers may assume; with `externalID` only those that name it.
  public func addRole(_ arn: String, externalID: String? = nil, maximumSeconds: Int64 = 43_200) {
    core.change { $0.roles[arn] = .init(externalID: externalID, maximumSeconds: maximumSeconds) }
  }

  /// A role that holders of a JWT may assume: one of `publicKeys` (PEM) must have signed it, and its claims must match.
  public func addWebIdentityRole(
    _ arn: String, publicKeys: [String], issuer: String? = nil, audience: String? = nil, subject: String? = nil
  ) {
    core.change {
      $0.roles[arn] = .init(
        webIdentity: .init(publicKeys: publicKeys, issuer: issuer, audience: audience, subject: subject))
    }
  }

  /// The role of the instance, whose keys the metadata service gives out for `seconds` each.
  public func setInstanceRole(_ name: String?, seconds: Int64 = 21_600) {
    core.change { $0.instanceRole = name.map { .init(name: $0, seconds: seconds) } }
  }

  /// The container endpoint's path, the token that it asks for (`nil`: none), and how long its keys live.
  public func setContainerRole(path: String, token: String?, seconds: Int64 = 21_600) {
    core.change { $0.container = .init(path: path, token: token, seconds: seconds) }
  }

  /// Refuses `action` (`secretsmanager:GetSecretValue`) on resources of this name; both may end in `*`.
  public func deny(_ action: String, on resource: String = "*") {
    core.change { $0.denials.append(.init(action: action, resource: resource)) }
  }

  public func allowAll() {
    core.change { $0.denials = [] }
  }

  // MARK: - Values

  /// Writes a new version of a secret, which becomes AWSCURRENT while the one before becomes AWSPREVIOUS.
  ///
  /// - Returns: the version's id.
  @discardableResult
  public func putSecret(_ name: String, _ text: String) -> String {
    core.change { $0.putSecret(name, .text(text)) }
  }

  @discardableResult
  public func putSecret(_ name: String, binary: SecretBytes) -> String {
    core.change { $0.putSecret(name, .binary(Base64.encode(binary).unsafeString() ?? "")) }
  }

  public func secretARN(_ name: String) -> String? {
    core.change { $0.secrets[name]?.arn }
  }

  /// Marks a secret for deletion, or takes the mark back.
  public func markForDeletion(_ name: String, _ isMarked: Bool = true) {
    core.change { $0.secrets[name]?.isMarkedForDeletion = isMarked }
  }

  /// The key that a secret or SecureString parameter is encrypted with cannot be used any more.
  public func breakKey(of name: String) {
    core.change {
      $0.secrets[name]?.isKeyBroken = true
      $0.parameters[name]?.isKeyBroken = true
    }
  }

  /// Writes a new version of a parameter: `String`, `StringList` or `SecureString`.
  @discardableResult
  public func putParameter(_ name: String, _ value: String, type: String = "SecureString", labels: [String] = [])
    -> Int
  {
    core.change { $0.putParameter(name, value, type, labels) }
  }

  public func parameterARN(_ name: String) -> String {
    core.change { $0.parameterARN(name) }
  }

  // MARK: - What happens to it

  /// Moves its clock: keys end, and requests signed by a clock that did not move are refused. The `Date` header tells it.
  public func advance(seconds: Int64) {
    core.change { $0.clockOffset += seconds }
  }

  /// Lets the temporary keys that are out live longer than it said when it gave them, as AWS does in an outage of its own.
  public func extendKeys(seconds: Int64) {
    core.change { state in
      for id in state.accessKeys.keys {
        state.accessKeys[id]?.expires? += seconds
      }
    }
  }

  /// Answers `operation` (`GetSecretValue`) by an error of the service in the place of the real answer.
  public func fail(
    _ operation: String, status: Int = 400, code: String, message: String = "fault on demand", times: Int? = nil
  ) {
    let refusal = AWSFakeRefusal(code: code, status: status, message: message)
    let isQuery = ["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"].contains(operation)
    faults.add(.reply(status: status, body: isQuery ? refusal.xml : refusal.json), on: operation, times: times)
  }

  /// Omits these secrets and parameters from batch answers, as a service that promises no completeness.
  public func leaveOutOfBatches(_ names: Set<String>) {
    core.change { $0.leftOutOfBatches = names }
  }
}
