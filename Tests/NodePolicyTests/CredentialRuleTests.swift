import ExecutionModel
import Foundation
import NodePolicy
import SecretBytes
import Testing
import Text

/// What the rule lets a credential through to, for executions of its own.
private func verdict(
  _ credential: NodeCredential, to address: String, by text: String, grant rules: [String] = ["r"]
) throws -> String {
  let policy = try PolicyFile.parse(SecretBytes(text), over: .strict, origin: "policy.yaml")
    .granting(CredentialGrant(rules))
  let url = try HTTPURL(parsing: address)
  do throws(PolicyRefusal) {
    let rule = try policy.check(credential, sentTo: url)
    return rule.map { "by \($0.key)" } ?? "unbound"
  } catch {
    return "\(error.rule): \(error.message)"
  }
}

private let rule = """
  credentials:
    - name: r
      files: [/etc/creds/vault/, /run/token]
      variables: ["VAULT_*"]
      profiles: [shop]
      identities: [gcp_metadata]
      to: [{host: vault.example.com, ports: [8200]}, "ssm.*.amazonaws.com", 127.0.0.1]
  """

@Test(arguments: [
  NodeCredential.file("/etc/creds/vault/id"), .file("/etc/creds/vault/a/b"), .file("/run/token"),
  .variable("VAULT_TOKEN"), .profile("shop"), .identity(.gcpMetadata), .file("/etc//creds/./vault/id"),
  .file("/etc/creds/x/../vault/id"),
  .file("/etc/creds/vault/\u{301}id"), .variable("VAULT_\u{301}"),
])
func aBoundCredentialGoesWhereItsRuleSays(_ credential: NodeCredential) throws {
  #expect(try verdict(credential, to: "https://vault.example.com:8200/v1", by: rule) == "by credentials.r")
  #expect(try verdict(credential, to: "https://ssm.eu-central-1.amazonaws.com", by: rule) == "by credentials.r")
  #expect(try verdict(credential, to: "http://127.0.0.1:8200", by: rule) == "by credentials.r")
  for address in [
    "https://vault.example.com", "http://vault.example.com:8200", "https://x.vault.example.com:8200",
    "https://ssm.amazonaws.com", "https://ssm.a.b.amazonaws.com", "https://ssm..amazonaws.com", "http://[::1]",
  ] {
    let refusal = try verdict(credential, to: address, by: rule)
    #expect(refusal.hasPrefix("credentials.r: \(credential.shown) may not be sent to "), "\(address): \(refusal)")
    #expect(refusal.hasSuffix("(rule `credentials.r` of policy.yaml, for other addresses)"), "\(address): \(refusal)")
  }
}

@Test(arguments: [
  NodeCredential.file("/etc/creds/vaults/id"), .file("/etc/creds"), .file("/run/token2"), .variable("VAULT"),
  .profile("shops"), .identity(.awsContainer),
])
func aCredentialThatNoRuleNamesIsNotBound(_ credential: NodeCredential) throws {
  #expect(try verdict(credential, to: "https://anywhere.example", by: rule) == "unbound")
  #expect(try verdict(credential, to: "https://anywhere.example", by: "{}") == "unbound")
}

@Test func aRuleForOtherExecutionsBindsAllTheSame() throws {
  let refusal = try verdict(.profile("shop"), to: "https://vault.example.com:8200", by: rule, grant: [])
  #expect(refusal.hasSuffix("(rule `credentials.r` of policy.yaml, for other executions)"))
}

@Test func ofSeveralRulesOneThatIsForTheExecutionIsEnough() throws {
  let rules = """
    credentials:
      - {name: a, profiles: [shop], to: [a.example]}
      - {name: b, profiles: ["s*"], to: [b.example]}
      - {name: c, profiles: [shop], to: [c.example]}
    """
  #expect(try verdict(.profile("shop"), to: "https://b.example", by: rules, grant: ["a", "b"]) == "by credentials.b")
  let refusal = try verdict(.profile("shop"), to: "https://c.example", by: rules, grant: ["a", "b"])
  #expect(refusal.contains("rules `credentials.a`, `credentials.b` of policy.yaml"), "\(refusal)")
  #expect(!refusal.contains("credentials.c"))
}

@Test func filesAreTheSameThroughEveryLink() throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  defer { try? FileManager.default.removeItem(at: folder) }
  let real = folder.appendingPathComponent("real")
  try FileManager.default.createDirectory(at: real, withIntermediateDirectories: true)
  try Data("id".utf8).write(to: real.appendingPathComponent("id"))
  let alias = folder.appendingPathComponent("alias")
  try FileManager.default.createSymbolicLink(at: alias, withDestinationURL: real)
  for (bound, named) in [(real, alias), (alias, real)] {
    let rule = "credentials: [{name: r, files: [\(bound.path)], to: [a.example]}]"
    let verdict = try verdict(.file("\(named.path)/id"), to: "https://b.example", by: rule)
    #expect(verdict.hasPrefix("credentials.r"), "\(verdict)")
  }
}

// MARK: - Executions

private func grant(_ audience: String, _ document: String) throws -> [String] {
  let policy = try PolicyFile.parse(
    SecretBytes("credentials: [{name: r, profiles: [a], to: [a.example], for: \(audience)}]"), over: .strict,
    origin: "policy.yaml")
  var context = ValidationContext()
  context.grant = { policy.grant(for: $0) }
  let item = try ExecutionDocument(SecretBytes(document)).item(nil)
  return ProviderCatalog([]).examine(item, in: context).execution.grant.rules
}

@Test(arguments: [
  ("{}", true), ("{namespaces: [shop]}", true), ("{namespaces: ['s*', other]}", true), ("{namespaces: [Shop]}", false),
  ("{jobs: [web]}", true), ("{jobs: ['web-*']}", false), ("{labels: [team=payments]}", true),
  ("{labels: ['team=pay*']}", true), ("{labels: ['team=*']}", true), ("{labels: [team=]}", false),
  ("{labels: [team=payments, tier=api]}", false), ("{labels: [count=1]}", false),
  ("{namespaces: [shop], jobs: [web], labels: [team=payments]}", true),
  ("{namespaces: [shop], jobs: [api], labels: [team=payments]}", false),
])
func aRuleIsForExecutionsThatMatchAllItSays(_ audience: String, _ matches: Bool) throws {
  let document = """
    {"id": "e", "namespace": "shop",
     "job_spec": {"name": "web", "namespace": "shop", "labels": {"team": "payments", "count": 1},
                  "secret_providers": {}, "secrets": {}}}
    """
  #expect(try grant(audience, document) == (matches ? ["r"] : []))
}

@Test(arguments: [
  #"{"id": "e", "namespace": "shop", "job_spec": {"namespace": "other", "secrets": {}}}"#,
  #"{"id": "e", "namespace": "other", "job_spec": {"namespace": "shop", "secrets": {}}}"#,
  #"{"id": "e", "job_spec": {"secrets": {}}}"#, #"{"id": "e", "namespace": "", "job_spec": {"secrets": {}}}"#,
  #"{"id": "e", "namespace": ["shop"], "job_spec": {"secrets": {}}}"#,
])
func aNamespaceThatIsNotSaidOrSaidInTwoWaysMatchesNothing(_ document: String) throws {
  #expect(try grant("{namespaces: [shop]}", document) == [])
}

@Test func aBareJobSpecMatchesByItsOwnWords() throws {
  let document = #"{"name": "web", "namespace": "shop", "labels": {"a": "b"}, "secrets": {}}"#
  #expect(try grant("{namespaces: [shop], jobs: [web], labels: [a=b]}", document) == ["r"])
}

// MARK: - The file

@Test(arguments: [
  ("credentials: []", "would bind nothing"), ("credentials: {}", "expected a list"),
  ("credentials: [{files: [/a], to: [b]}]", "name: required"),
  ("credentials: [{name: 'a b', files: [/a], to: [b]}]", "1 to 64 letters"),
  ("credentials: [{name: a, files: [/a]}]", "to: required"),
  ("credentials: [{name: a, files: [/a], to: []}]", "would let nothing use them"),
  ("credentials: [{name: a, to: [b]}]", "names no credential"),
  ("credentials: [{name: a, files: [], to: [b]}]", "names no credential"),
  ("credentials: [{name: a, files: [a/b], to: [b]}]", "an absolute path"),
  ("credentials: [{name: a, files: [/a/../b], to: [b]}]", "an absolute path"),
  ("credentials: [{name: a, identities: [aws], to: [b]}]", "expected one of aws_instance_metadata"),
  ("credentials: [{name: a, files: [/a], to: [b], for: {labels: [team]}}]", "a label as team=payments"),
  ("credentials: [{name: a, files: [/a], to: [b], for: {labels: ['=x']}}]", "a label as team=payments"),
  ("credentials: [{name: a, files: [/a], to: [b], for: {jobs: []}}]", "leave it out"),
  ("credentials: [{name: a, files: [/a], to: [b], for: {labels: []}}]", "leave it out"),
  ("credentials: [{name: a, files: [/a], to: [b], for: {namespace: [x]}}]", "did you mean \"namespaces\"?"),
  ("credentials: [{name: a, files: [/a], to: [b]}, {name: a, files: [/c], to: [d]}]", "two rules have one name"),
  ("credentials: [{name: a, files: null, to: [b]}]", "leave the rule out"),
])
func aRuleThatWouldLeaveADoorOpenIsAFault(_ text: String, _ part: String) throws {
  let faults = try #require(throws: DocumentFaults.self) {
    try PolicyFile.parse(SecretBytes(text), over: .strict, origin: "policy.yaml")
  }
  #expect(faults.faults.contains { $0.line.contains(part) }, "\(faults.faults.map(\.line))")
}
