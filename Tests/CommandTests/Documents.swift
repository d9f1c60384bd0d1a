import TestSupport

/// A bare job spec of one provider, `vault`, and entries that are looked up there.
func jobSpec(_ provider: JSON, _ secrets: KeyValuePairs<String, JSON>) -> JSON {
  ["secret_providers": ["vault": provider], "secrets": .object(secrets.map { ($0.key, $0.value) })]
}

/// The connection to a Vault, by default with the AppRole that the demo's seed holds.
func vault(_ address: String, auth: JSON? = nil, tls: JSON? = nil) -> JSON {
  let demo: JSON = ["method": "approle", "role_id": "demo-web-role", "secret_id": "demo-web-secret-id"]
  let provider: JSON = ["provider": "hashicorp_vault", "address": .string(address), "auth": auth ?? demo]
  return tls.map { provider.with([("tls", $0)]) } ?? provider
}

/// An entry that looks up a field in a KV v2 engine.
func kv2(_ path: String, _ field: String, mount: String = "secret") -> JSON {
  ["from": "vault", "mount": .string(mount), "secret_path": .string(path), "field": .string(field)]
}

/// Two secrets of the demo's seed, one path each.
func demo(_ address: String) -> JSON {
  jobSpec(vault(address), ["DB_PASSWORD": kv2("web/db", "password"), "API_KEY": kv2("web/api", "key")])
}

/// One secret of the demo's seed, so that whatever goes wrong is told in one line.
func lone(_ address: String, auth: JSON? = nil, tls: JSON? = nil) -> JSON {
  jobSpec(vault(address, auth: auth, tls: tls), ["DB_PASSWORD": kv2("web/db", "password")])
}

/// What `lone` resolves to.
let loneValues = ["DB_PASSWORD": "correct horse battery staple"]
