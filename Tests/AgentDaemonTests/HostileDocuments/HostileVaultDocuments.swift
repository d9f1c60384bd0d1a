/// Logins at a Vault that is not the node's, with what the node logs in by.
let hostileVaultDocuments: [HostileDocument] =
  [
    ("another host", "https://vault.attacker.example:8200"), ("another port", "https://vault.example.com:8443"),
    ("the standard port", "https://vault.example.com"),
    ("a host that begins with the allowed one", "https://vault.example.com.attacker.example:8200"),
    ("a host that ends with it", "https://myvault.example.com:8200"),
    ("a host below it", "https://a.vault.example.com:8200"), ("a dot behind it", "https://vault.example.com.:8200"),
    ("an address in its place", "https://192.0.2.1:8200"), ("an IPv6 address", "https://[2001:db8::1]:8200"),
    ("a workload on loopback", "http://127.0.0.1:8200"), ("localhost", "https://localhost:8200"),
  ].map { HostileDocument("secret id to \($0)", refusedBy: "credentials.vault", appRole(at: $1)) }
  + [
    ("with a slash twice", "FOLDER/credentials//vault/secret-id"),
    ("with a dot", "FOLDER/credentials/./vault/secret-id"),
    ("by a link", "FOLDER/credentials/link"),
  ].map { HostileDocument("the file written \($0)", refusedBy: "credentials.vault", appRole(file: $1)) }
  + [
    ("token file", #"{"token_file": "FOLDER/credentials/vault/token"}"#),
    ("token file kept fresh", #"{"method": "file", "path": "FOLDER/credentials/vault/token"}"#),
    ("token variable", #"{"token_env": "VAULT_TOKEN"}"#),
    ("JWT file", #"{"method": "jwt", "role": "web", "jwt_file": "FOLDER/credentials/vault/token"}"#),
    ("JWT variable", #"{"method": "jwt", "role": "web", "jwt_env": "VAULT_TOKEN"}"#),
    (
      "pod's token in a bound file",
      #"{"method": "kubernetes", "role": "web", "token_file": "FOLDER/credentials/vault/token"}"#
    ),
    ("secret id variable", #"{"role_id": "web", "secret_id_env": "VAULT_SECRET_ID"}"#),
    ("role id file", #"{"role_id_file": "FOLDER/credentials/vault/role-id", "secret_id": "given"}"#),
    (
      "free credential beside a bound one",
      #"{"role_id_file": "FOLDER/credentials/free/token", "secret_id_file": "FOLDER/credentials/vault/secret-id"}"#
    ),
  ].map {
    HostileDocument(
      "\($0) to another host", refusedBy: "credentials.vault", vault("https://vault.attacker.example", $1)
    ).on(["VAULT_TOKEN": "token", "VAULT_SECRET_ID": "secret id"])
  }
  + [
    HostileDocument(
      "the pod's own token, named by nobody", refusedBy: "credentials.pod",
      vault("https://vault.attacker.example", #"{"method": "kubernetes", "role": "web"}"#)),
    HostileDocument(
      "a bound file as the client's key", refusedBy: "credentials.vault",
      vault(
        "https://vault.attacker.example", #"{"token": "given"}"#,
        tls: #"{"client_cert": "FOLDER/credentials/free/token", "client_key": "FOLDER/credentials/vault/token"}"#)),
    HostileDocument(
      "a bound file as the CA", refusedBy: "credentials.vault",
      vault(
        "https://vault.attacker.example", #"{"token": "given"}"#,
        tls: #"{"ca_cert": "FOLDER/credentials/vault/token"}"#)),
  ] + hostileSubjects

/// Executions that want another's credential.
private let hostileSubjects: [HostileDocument] = {
  let payments = HostileDocument(
    "", refusedBy: "credentials.payments", appRole(file: "FOLDER/credentials/payments/secret-id"))
  let label = #"{"team": "payments"}"#
  return [
    ("another namespace", payments.run(in: "shop", as: "payments-api", labels: label)),
    ("a namespace in other letters", payments.run(in: "Payments", as: "payments-api", labels: label)),
    ("a namespace that begins with it", payments.run(in: "payments-test", as: "payments-api", labels: label)),
    ("no namespace", payments.run(in: "", as: "payments-api", labels: label)),
    ("another job", payments.run(in: "payments", as: "web", labels: label)),
    ("no label", payments.run(in: "payments", as: "payments-api")),
    ("another label", payments.run(in: "payments", as: "payments-api", labels: #"{"team": "shop"}"#)),
    (
      "the label under another name",
      payments.run(in: "payments", as: "payments-api", labels: #"{"teams": "payments"}"#)
    ),
    ("a label that is a list", payments.run(in: "payments", as: "payments-api", labels: #"{"team": ["payments"]}"#)),
    (
      "labels beside the job spec",
      payments.run(in: "payments", as: "payments-api").with { $0.execution += #", "labels": {"team": "payments"}"# }
    ),
    (
      "labels in meta",
      payments.run(in: "payments", as: "payments-api").with { $0.job += #", "meta": {"team": "payments"}"# }
    ),
    (
      "two namespaces, the job spec's its own",
      payments.run(in: "payments", as: "payments-api", labels: label).with { $0.execution = #""namespace": "shop""# }
    ),
    (
      "two namespaces, the execution's its own",
      payments.run(in: "shop", as: "payments-api", labels: label).with { $0.execution = #""namespace": "payments""# }
    ),
    (
      "the right execution, another address",
      HostileDocument(
        "", refusedBy: "credentials.payments",
        appRole(at: "https://vault.attacker.example", file: "FOLDER/credentials/payments/secret-id")
      ).run(in: "payments", as: "payments-api", labels: label)
    ),
  ].map { name, document in
    HostileDocument("the payments' secret id for \(name)", refusedBy: document.rule, document.provider)
      .with {
        $0.execution = document.execution
        $0.job = document.job
      }
  }
}()

func vault(_ address: String, _ auth: String, tls: String = "{}") -> String {
  #"{"provider": "hashicorp_vault", "address": "\#(address)", "auth": \#(auth), "tls": \#(tls)}"#
}

func appRole(
  at address: String = "https://vault.attacker.example", file: String = "FOLDER/credentials/vault/secret-id"
) -> String {
  vault(address, #"{"method": "approle", "role_id": "web", "secret_id_file": "\#(file)"}"#)
}
