import ExecutionModel
import HTTPTransport
import NodePolicy
import SecretBytes
import Testing
import Text

private func allows(_ policy: NodePolicy, _ address: String) throws -> Bool {
  let url = try HTTPURL(parsing: address)
  do throws(PolicyRefusal) {
    try policy.check(url)
    return true
  } catch {
    #expect(error.rule == "addresses")
    return false
  }
}

private func policy(_ text: String) throws -> NodePolicy {
  try PolicyFile.parse(SecretBytes(text), over: .strict, origin: "policy.yaml")
}

@Test func byDefaultHTTPIsForLoopbackOnly() throws {
  for standard in [NodePolicy.strict, .personal] {
    #expect(try allows(standard, "https://vault.example.com:8200"))
    #expect(try allows(standard, "http://127.0.0.1:8200"))
    #expect(try allows(standard, "http://localhost:8200"))
    #expect(try allows(standard, "http://[::1]:8200"))
    #expect(try !allows(standard, "http://vault.example.com"))
    #expect(try !allows(standard, "http://127.0.0.1.example.com"))
    #expect(try !allows(standard, "http://localhost.example.com"))
  }
}

@Test(arguments: [
  "https://169.254.169.254", "http://169.254.169.254", "https://[fe80::1]", "https://[fd00:ec2::254]",
  "https://[::ffff:169.254.169.254]",
])
func linkLocalAddressesAreAlwaysRefused(_ address: String) throws {
  #expect(try !allows(.personal, address))
  #expect(try !allows(policy("addresses: ['*']"), address))
}

@Test func addressesAreHeldToHostPortAndTLS() throws {
  let policy = try policy(
    """
    addresses:
      - vault.example.com
      - {host: "*.internal", ports: [8200], tls: optional}
    """)
  #expect(try allows(policy, "https://vault.example.com:9999"))
  #expect(try allows(policy, "https://VAULT.example.com"))
  #expect(try !allows(policy, "http://vault.example.com"))
  #expect(try allows(policy, "http://a.b.internal:8200"))
  #expect(try !allows(policy, "https://a.internal:443"))
  #expect(try !allows(policy, "https://internal:8200"))
  #expect(try !allows(policy, "https://evilinternal:8200"))
  #expect(try !allows(policy, "https://elsewhere.example.com"))
}

@Test func theFileSetsEveryRule() throws {
  let policy = try policy(
    """
    provider_types: [file]
    credential_files: [/run/credentials/]
    environment: ["VAULT_*"]
    file_roots: [/etc/app]
    output_roots: [/run/out]
    dangerous_names: [PATH]
    skip_verify: true
    standby_redirects: true
    max_stale: 24h
    """)
  #expect(throws: PolicyRefusal.self) { try policy.check(providerType: "hashicorp_vault") }
  #expect(policy.credentialFiles == .beneath(["/run/credentials"]))
  #expect(throws: Never.self) { try policy.check(credentialVariable: "VAULT_TOKEN") }
  #expect(throws: PolicyRefusal.self) { try policy.check(credentialVariable: "HOME") }
  #expect(throws: Never.self) { try policy.check(output: "/run/out/web/env") }
  #expect(throws: PolicyRefusal.self) { try policy.check(output: "/run/out/../etc/passwd") }
  #expect(throws: PolicyRefusal.self) { try policy.check(output: "/run/outside") }
  #expect(throws: Never.self) { try policy.check(environmentName: "PATH") }
  #expect(throws: PolicyRefusal.self) { try policy.check(environmentName: "LD_PRELOAD") }
  #expect(throws: Never.self) { try policy.checkSkipVerify() }
  #expect(policy.allowsStandbyRedirects)
  #expect(policy.maxStale?.seconds == 86_400)
}

@Test(arguments: [
  "provider_type: [file]", "addresses: []", "addresses: 3", "addresses: [{ports: [1]}]",
  "addresses: [{host: x, tls: maybe}]",
  "addresses: [{host: x, ports: [0]}]", "addresses: [{host: x, port: [1]}]", "file_roots: [relative]",
  "file_roots: [/a/../b]",
  "file_roots: /a", "skip_verify: yes please", "max_stale: soon", "max_stale: 0", "[]", "3", "a: [",
  "environment: [3]",
])
func aMisspeltPolicyIsRefused(_ text: String) {
  #expect(throws: DocumentFaults.self) { try policy(text) }
}

@Test func anEmptyPolicyIsTheStrictDefault() throws {
  let policy = try policy("")
  #expect(policy.fileRoots == .beneath([]))
  #expect(throws: PolicyRefusal.self) { try policy.check(output: "/tmp/x") }
  #expect(throws: PolicyRefusal.self) { try policy.checkSkipVerify() }
}

@Test(arguments: [
  "auth/token/lookup-self", "AUTH/Token/lookup-self", "sys/wrapping/lookup", "identity/oidc/token/web", "cubbyhole/x",
  "team/auth/token/lookup-self", "a/b/sys/leases/lookup", "%61uth/token/lookup-self", "%2561uth/token", "sys",
])
func pathsOfVaultItselfAreRefused(_ path: String) {
  let refusal = #expect(throws: PolicyRefusal.self) { try NodePolicy.personal.check(vaultPath: path) }
  #expect(refusal?.rule == "vault_paths")
}

@Test(arguments: [
  "secret/data/auth/db", "kv/sys", "secret/data/web/identity", "database/creds/web", "authentication/x",
  "system/data/a",
  "kv/data/cubbyhole", "secret/data/100%/a",
])
func pathsOfSecretsEnginesAreNot(_ path: String) throws {
  try NodePolicy.strict.check(vaultPath: path)
}

@Test func thePolicyLetsAPathOfVaultThrough() throws {
  var policy = NodePolicy.strict
  policy.vaultPaths = .matching(["identity/oidc/token/*"])
  try policy.check(vaultPath: "identity/oidc/token/web")
  #expect(throws: PolicyRefusal.self) { try policy.check(vaultPath: "auth/token/lookup-self") }
}
