/// What the other rules of the policy refuse.
let hostileNodeDocuments: [HostileDocument] =
  [
    HostileDocument(
      "a provider type that is not allowed", refusedBy: "provider_types",
      #"{"provider": "aws_parameter_store", "region": "eu-central-1"}"#
    ).asking(for: #""name": "db""#),
    HostileDocument(
      "a served file elsewhere", refusedBy: "file_roots", #"{"provider": "file"}"#
    ).asking(for: #""path": "/etc/shadow""#),
    HostileDocument(
      "a served file that is a credential", refusedBy: "file_roots", #"{"provider": "file"}"#
    ).asking(for: #""path": "FOLDER/credentials/vault/secret-id""#),
    HostileDocument(
      "a certificate that is not looked at", refusedBy: "skip_verify",
      vault("https://vault.example.com:8200", #"{"token": "given"}"#, tls: #"{"skip_verify": true}"#)),
    HostileDocument("more entries than one may have", refusedBy: "max_secrets", given(at: good))
      .with { $0.entries = 4 },
  ]
  + [
    ("a plain address", "http://vault.example.com:8200"), ("the metadata service", "http://169.254.169.254"),
    ("the metadata service in TLS", "https://169.254.169.254"),
    ("the metadata service in IPv6", "https://[::ffff:169.254.169.254]"),
    ("the metadata service behind NAT64", "https://[64:ff9b::a9fe:a9fe]"),
    ("AWS's own IPv6", "https://[fd00:ec2::254]"),
    ("a link-local address", "https://[fe80::1]"),
  ].map { HostileDocument("\($0) as an address", refusedBy: "addresses", given(at: $1)) }
  + ["/etc/shadow", "FOLDER/credentials/../out/e/env", "/proc/self/environ", "FOLDER/credentialsx/token"].map {
    HostileDocument("the credential file \($0)", refusedBy: "credential_files", appRole(at: good, file: $0))
  }
  + ["PATH", "SECRET", "vault_token"].map {
    HostileDocument("the variable \($0)", refusedBy: "environment", vault(good, #"{"token_env": "\#($0)"}"#))
      .on(["PATH": "/bin", "SECRET": "secret", "vault_token": "token"])
  }
  + ["auth/token", "sys/raw", "AUTH/token", "cubbyhole/a", "%61uth/token", "team/auth/token"].map { path in
    HostileDocument("the path \(path)", refusedBy: "vault_paths", given(at: good))
      .asking(for: #""mount": "\#(path)", "secret_path": "lookup-self", "field": "id", "engine_version": 1"#)
  }
  + ["LD_PRELOAD", "PATH", "NODE_OPTIONS", "BASH_ENV", "PYTHONPATH", "GIT_SSH_COMMAND"].map { name in
    HostileDocument("the name \(name)", refusedBy: "dangerous_names", given(at: good)).with { $0.variable = name }
  }

private let good = "https://vault.example.com:8200"

private func given(at address: String) -> String { vault(address, #"{"token": "given"}"#) }

/// Siblings that mean well, and whom they call first.
let harmlessDocuments: [(HostileDocument, String)] = [
  (HostileDocument("a secret id to its Vault", refusedBy: nil, appRole(at: good)), "vault.example.com:8200"),
  (
    HostileDocument("the Vault in capitals", refusedBy: nil, appRole(at: "https://VAULT.example.com:8200")),
    "vault.example.com:8200"
  ),
  (
    HostileDocument("a link to the file", refusedBy: nil, appRole(at: good, file: "FOLDER/credentials/link")),
    "vault.example.com:8200"
  ),
  (
    HostileDocument(
      "a credential that no rule names", refusedBy: nil,
      vault("https://elsewhere.example", #"{"token_file": "FOLDER/credentials/free/token"}"#)), "elsewhere.example:443"
  ),
  (
    HostileDocument("a credential of the document's own", refusedBy: nil, given(at: "https://elsewhere.example")),
    "elsewhere.example:443"
  ),
  (
    HostileDocument(
      "the payments' own execution", refusedBy: nil, appRole(at: good, file: "FOLDER/credentials/payments/secret-id")
    ).run(in: "payments", as: "payments-api", labels: #"{"team": "payments", "tier": "api"}"#), "vault.example.com:8200"
  ),
  (aws("the instance's role", nil, #"{"method": "instance_metadata"}"#), "169.254.169.254:80"),
  (
    aws("keys of the environment", nil, "{}").on(["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "key"]),
    "secretsmanager.eu-central-1.amazonaws.com:443"
  ),
  (
    aws("a profile", nil, "{}", #""profile": "shop""#).on(shared, files: profiles),
    "secretsmanager.eu-central-1.amazonaws.com:443"
  ),
  (
    aws("a profile's role", nil, "{}", #""profile": "role""#).on(shared, files: profiles),
    "sts.eu-central-1.amazonaws.com:443"
  ),
  (google("the machine's account", nil, #"{"method": "metadata"}"#), "169.254.169.254:80"),
  (
    google("a person's consent", nil, #"{"method": "file", "path": "FOLDER/credentials/google/file.json"}"#)
      .on([:], files: file(user(""))), "oauth2.googleapis.com:443"
  ),
  (
    azure("the machine's identity", #"{"method": "managed_identity"}"#, "https://shop.vault.azure.net", refusedBy: nil),
    "shop.vault.azure.net:443"
  ),
  (
    azure("a principal's secret", secret, "https://shop.vault.azure.net", refusedBy: nil)
      .on(["AZURE_CLIENT_SECRET": "secret"]), "shop.vault.azure.net:443"
  ),
]
