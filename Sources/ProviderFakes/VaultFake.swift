import Glibc
import JSONReader
import SecretBytes
import Synchronization

/// A local server that behaves as HashiCorp Vault and OpenBao do: tokens with lives and policies, AppRole, JWT and Kubernetes logins
/// with real signature checks, both KV versions, leases, namespaces. Held against OpenBao by the tests that run on both.
///
/// Its clock is the machine's monotonic one plus what ``advance(seconds:)`` added, so a test need not wait for a token to end.
public final class VaultFake: FakeStore {
  public static let rootToken = "root"

  public let server: FakeServer
  private let vault: VaultFakeCore

  private init(server: FakeServer, vault: VaultFakeCore) {
    self.server = server
    self.vault = vault
  }

  /// A Vault with a root token, a KV version 2 engine at `secret` and one of version 1 at `kv1`.
  public static func start(port: Int = 0, tls: FakeTLS = .none) async throws -> VaultFake {
    let vault = VaultFakeCore()
    vault.change { state in
      state.engines[VaultFakeState.key("", "secret")] = .kv(version: 2)
      state.engines[VaultFakeState.key("", "kv1")] = .kv(version: 1)
      state.tokens[rootToken] = VaultFakeState.Token(id: rootToken, accessor: "root-accessor", namespace: "", ttl: 0)
    }
    return VaultFake(server: try await .serving(vault, port: port, tls: tls), vault: vault)
  }

  /// The same Vault on one more port.
  public func listening(port: Int = 0, tls: FakeTLS) async throws -> VaultFake {
    VaultFake(server: try await server.joined(by: vault, port: port, tls: tls), vault: vault)
  }

  // MARK: - What it holds

  /// Mounts a KV engine.
  public func mount(_ path: String, version: Int, namespace: String = "") {
    vault.change { $0.engines[VaultFakeState.key(namespace, path)] = .kv(version: version) }
  }

  /// Mounts an engine whose every read makes a user with a lease.
  public func mountDatabase(
    _ path: String, leaseSeconds: Double, isRenewable: Bool = true, namespace: String = ""
  ) {
    vault.change {
      $0.engines[VaultFakeState.key(namespace, path)] = .database(leaseSeconds: leaseSeconds, isRenewable: isRenewable)
    }
  }

  public func addNamespace(_ name: String) {
    vault.change { _ = $0.namespaces.insert(name) }
  }

  /// Writes a new version. `json`, an object, is served character for character.
  public func put(_ mount: String, _ path: String, _ json: String, namespace: String = "") {
    vault.change {
      $0.secrets[VaultFakeState.key(namespace, "\(mount)/\(path)"), default: []].append(.init(data: json))
    }
  }

  public func delete(_ mount: String, _ path: String, version: Int, namespace: String = "") {
    vault.change {
      $0.secrets[VaultFakeState.key(namespace, "\(mount)/\(path)")]?[version - 1].deletedAt =
        "2026-01-02T03:04:05.678901234Z"
    }
  }

  public func destroy(_ mount: String, _ path: String, version: Int, namespace: String = "") {
    vault.change { $0.secrets[VaultFakeState.key(namespace, "\(mount)/\(path)")]?[version - 1].isDestroyed = true }
  }

  public func addAppRole(
    mount: String = "approle", roleID: String, secretID: String, secretIDUses: Int = 0,
    grant: VaultFakeGrant = VaultFakeGrant(), namespace: String = ""
  ) {
    vault.change {
      $0.appRoles[VaultFakeState.key(namespace, mount), default: []].append(
        .init(roleID: roleID, secretID: secretID, secretIDUses: secretIDUses, grant: grant))
    }
  }

  /// A role of the JWT or the Kubernetes method: both check a signature and claims.
  public func addJWTRole(
    mount: String = "jwt", role: String, publicKeys: [String], issuer: String? = nil, audience: String? = nil,
    subject: String? = nil, grant: VaultFakeGrant = VaultFakeGrant(), namespace: String = ""
  ) {
    vault.change {
      $0.jwtRoles[VaultFakeState.key(namespace, mount), default: [:]][role] = .init(
        publicKeys: publicKeys, issuer: issuer, audience: audience, subject: subject, grant: grant)
    }
  }

  public func addToken(_ id: String, grant: VaultFakeGrant = VaultFakeGrant(), namespace: String = "") {
    vault.change { $0.addToken(id, grant, namespace, at: VaultFakeCore.clock() + $0.clockOffset) }
  }

  // MARK: - What happens to it

  /// Moves its clock on: tokens and leases end.
  public func advance(seconds: Double) {
    vault.change { $0.clockOffset += seconds }
  }

  /// Every token but root's is no longer good.
  public func revokeAllTokens() {
    vault.change { $0.tokens = $0.tokens.filter { $0.key == Self.rootToken } }
  }

  public func seal(_ isSealed: Bool = true) {
    vault.change { $0.isSealed = isSealed }
  }

  /// Redirects every call to `address`, as a standby that does not forward.
  public func standBy(for address: String?) {
    vault.change { $0.standbyOf = address }
  }

  /// Refuses calls without `X-Vault-Request: true`.
  public func requireRequestHeader() {
    vault.change { $0.requiresRequestHeader = true }
  }

  /// Tokens that are good now, root's left out.
  public var liveTokens: [String] {
    vault.change { state in state.tokens.keys.filter { $0 != Self.rootToken }.sorted() }
  }

  /// As an operator does by `sys/leases/revoke-prefix`; the tokens that they hang on stay.
  public func revokeAllLeases() {
    vault.change { $0.leases = [:] }
  }

  /// Leases that have not been revoked.
  public var liveLeases: [String] {
    vault.change { $0.leases.keys.sorted() }
  }
}
