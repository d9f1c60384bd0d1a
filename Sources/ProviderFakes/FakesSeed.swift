import JSONReader
import SecretBytes

/// What fakes hold from the start: a JSON document, described in docs/fakes.md.
public struct FakesSeed: Sendable {
  let root: JSONValue

  /// - Throws: where `text` is not JSON, or its shape is not a seed's.
  public init(_ text: SecretBytes) throws {
    do {
      root = try JSONValue.parse(text, limits: .document)
    } catch {
      throw FakeFault("seed: \(error)")
    }
    guard root.kind == .object, ["vault", "aws", "azure", "gcp"].contains(where: { root.member($0)?.kind == .object })
    else {
      throw FakeFault("seed: no store's block is there: vault, aws, azure, gcp")
    }
  }

  /// The secret of the Azure application in ``demo``.
  public static let demoClientSecret = "demo-web-client-secret"

  /// What the examples in config/examples read.
  public static let demo = """
    {"aws": \(awsDemo),
    "vault": {
      "mounts": [{"path": "secret", "version": 2}, {"path": "legacy", "version": 1}],
      "secrets": [
        {"mount": "secret", "path": "web/db", "data": {"username": "web", "password": "correct horse battery staple"}},
        {"mount": "secret", "path": "web/api", "data": {"key": "demo-api-key-0123456789", "limits": {"rate": 1.0, "burst": [10, 20]}}},
        {"mount": "legacy", "path": "mail", "data": {"smtp_password": "it's a \\"demo\\" $ecret"}}],
      "approles": [{"role_id": "demo-web-role", "secret_id": "demo-web-secret-id"}]},
    "azure": {
      "clients": [{"client_id": "demo-web-client", "client_secret": "\(demoClientSecret)"}],
      "system_identity": "demo-node-identity",
      "secrets": [
        {"name": "web-db", "value": "{\\"username\\": \\"web\\", \\"password\\": \\"correct horse battery staple\\"}",
         "content_type": "application/json"},
        {"name": "web-session-key", "versions": ["demo-session-key-1", "demo-session-key-2"]}]},
    "gcp": {
      "accounts": [{"email": "web@demo-project.iam.gserviceaccount.com", "key": true},
        {"email": "reader@demo-project.iam.gserviceaccount.com",
         "token_creators": ["web@demo-project.iam.gserviceaccount.com"]}],
      "machine_account": "node@demo-project.iam.gserviceaccount.com",
      "secrets": [
        {"name": "web-db", "value": "{\\"username\\": \\"web\\", \\"password\\": \\"correct horse battery staple\\"}"},
        {"name": "web-session-key", "versions": ["demo-session-key-1", "demo-session-key-2"], "aliases": {"stable": 1}},
        {"name": "web-region-key", "value": "demo-region-key", "location": "europe-west3"}]}}
    """

  /// Puts what the seed says into `vault`.
  public func apply(to vault: VaultFake) throws {
    guard let seed = root.member("vault") else {
      return
    }
    for name in list(seed, "namespaces") {
      vault.addNamespace(name.text ?? "")
    }
    for mount in list(seed, "mounts") {
      vault.mount(
        try text(mount, "path"), version: Int(mount.member("version")?.int64 ?? 2), namespace: namespace(mount))
    }
    for secret in list(seed, "secrets") {
      let versions = secret.member("versions").map { Array($0.elements) } ?? [secret.member("data")].compactMap { $0 }
      for version in versions {
        let json = version.sourceText.unsafeString() ?? "{}"
        vault.put(try text(secret, "mount"), try text(secret, "path"), json, namespace: namespace(secret))
      }
    }
    for role in list(seed, "approles") {
      vault.addAppRole(
        mount: role.member("mount")?.text ?? "approle", roleID: try text(role, "role_id"),
        secretID: try text(role, "secret_id"), secretIDUses: Int(role.member("secret_id_uses")?.int64 ?? 0),
        grant: grant(role), namespace: namespace(role))
    }
    for role in list(seed, "jwt_roles") {
      vault.addJWTRole(
        mount: role.member("mount")?.text ?? "jwt", role: try text(role, "role"),
        publicKeys: [try text(role, "public_key")], issuer: role.member("issuer")?.text,
        audience: role.member("audience")?.text, subject: role.member("subject")?.text, grant: grant(role),
        namespace: namespace(role))
    }
    for token in list(seed, "tokens") {
      vault.addToken(try text(token, "id"), grant: grant(token), namespace: namespace(token))
    }
  }

  func list(_ value: JSONValue, _ name: String) -> [JSONValue] {
    value.member(name).map { Array($0.elements) } ?? []
  }

  private func namespace(_ value: JSONValue) -> String { value.member("namespace")?.text ?? "" }

  func text(_ value: JSONValue, _ name: String) throws -> String {
    guard let text = value.member(name)?.text else {
      throw FakeFault("seed: \(value.position.line):\(value.position.column): \(name) is missing")
    }
    return text
  }

  private func grant(_ value: JSONValue) -> VaultFakeGrant {
    VaultFakeGrant(
      ttl: Double(value.member("ttl")?.int64 ?? 3600), maximumTTL: Double(value.member("max_ttl")?.int64 ?? 0),
      isRenewable: value.member("renewable")?.boolean ?? true, isBatch: value.member("type")?.text == "batch",
      allowed: value.member("allowed").map { $0.elements.compactMap(\.text) })
  }
}
