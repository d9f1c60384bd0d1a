import Foundation
import TestSupport

/// A document of one provider, `vault`, and entries that are looked up there.
struct JobDocument: Sendable {
  var provider: JSON
  var secrets: [(key: String, value: JSON)]

  init(
    _ address: String, auth: JSON, namespace: String? = nil, tls: JSON? = nil, secrets: KeyValuePairs<String, JSON>
  ) {
    var members: [(key: String, value: JSON)] = [
      ("provider", "hashicorp_vault"), ("address", .string(address)), ("auth", auth),
    ]
    if let namespace { members.append(("namespace", .string(namespace))) }
    if let tls { members.append(("tls", tls)) }
    provider = .object(members)
    self.secrets = secrets.map { ($0.key, $0.value) }
  }

  /// The smallest form of a document: a bare job spec.
  var jobSpec: JSON {
    ["secret_providers": ["vault": provider], "secrets": .object(secrets)]
  }

  /// As the orchestrator hands it out.
  func execution(id: String) -> JSON {
    [
      "id": .string(id), "job_id": "job", "namespace": "shop", "node_id": "node",
      "job_spec": jobSpec.with([("name", "web"), ("type", "service"), ("config", ["deep": [["of": "no concern"]]])]),
      "status": ["desired_state": ["state_type": "running"]],
    ]
  }
}

/// An entry that looks up a field in a KV v2 engine.
func kv2(_ mount: String, _ path: String, _ field: String, version: Int? = nil) -> JSON {
  let entry: JSON = [
    "from": "vault", "mount": .string(mount), "secret_path": .string(path), "field": .string(field),
  ]
  return version.map { entry.with([("version", .literal("\($0)"))]) } ?? entry
}

/// An entry that looks up a field in a KV v1 engine, or in any engine that answers a plain read.
func kv1(_ mount: String, _ path: String, _ field: String) -> JSON {
  kv2(mount, path, field).with([("engine_version", 1)])
}
