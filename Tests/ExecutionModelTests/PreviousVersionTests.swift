import ExecutionModel
import SecretBytes
import Testing

private func faults(_ secrets: String) -> [String] {
  let providers = #"""
    "v": {"provider": "hashicorp_vault", "address": "https://v", "auth": {"method": "static", "token": "t"}},
    "m": {"provider": "aws_secrets_manager", "region": "eu-west-1"},
    "p": {"provider": "aws_parameter_store", "region": "eu-west-1"},
    "s": {"provider": "aws_sts", "region": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/web"},
    "g": {"provider": "gcp_secret_manager", "project": "demo"},
    "a": {"provider": "azure_key_vault", "vault_url": "https://demo.vault.azure.net"},
    "f": {"provider": "file"}
    """#
  do throws(DocumentFaults) {
    let text = #"{"secret_providers": {\#(providers)}, "secrets": {\#(secrets)}}"#
    let item = try ExecutionDocument(SecretBytes(text)).item(nil)
    return catalog.examine(item).faults.filter { $0.severity == .error }.map(\.line)
  } catch {
    return error.faults.map(\.line)
  }
}

@Test(arguments: [
  #"{"from": "v", "mount": "m", "secret_path": "a", "field": "f", "previous": true}"#,
  #"{"from": "v", "mount": "m", "secret_path": "a", "field": "f", "version": "3", "previous": true}"#,
  #"{"from": "m", "secret_id": "a", "previous": true}"#,
  #"{"from": "m", "secret_id": "a", "version_stage": "AWSCURRENT", "previous": true}"#,
  #"{"from": "p", "name": "/a", "previous": true}"#, #"{"from": "p", "name": "/a:3", "previous": true}"#,
  #"{"from": "g", "secret": "a", "previous": true}"#,
  #"{"from": "g", "secret": "a", "version": "3", "previous": true}"#,
  #"{"from": "a", "secret_name": "a", "previous": true}"#,
  #"{"from": "f", "path": "/a", "previous": false}"#,
])
func theVersionBeforeCanBeAskedForWhereTheStoreKeepsIt(entry: String) {
  #expect(faults(#""A": \#(entry)"#) == [])
}

@Test(arguments: [
  (
    #"{"from": "v", "mount": "m", "secret_path": "a", "field": "f", "engine_version": 1, "previous": true}"#,
    "secrets.A.previous: engine_version 1 keeps no versions"
  ),
  (
    #"{"from": "m", "secret_id": "a", "version_id": "x", "previous": true}"#,
    "secrets.A.previous: the service marks the version before the current one only"
  ),
  (
    #"{"from": "m", "secret_id": "a", "version_stage": "AWSPENDING", "previous": true}"#,
    "secrets.A.previous: the service marks the version before the current one only"
  ),
  (#"{"from": "f", "path": "/a", "previous": true}"#, "secrets.A.previous: "),
  (#"{"from": "s", "previous": true}"#, "secrets.A.previous: "),
  (#"{"from": "g", "secret": "a", "previous": "yes"}"#, "secrets.A.previous: "),
])
func whereThereIsNoneToBeHadCheckSaysSo(entry: String, words: String) {
  let found = faults(#""A": \#(entry)"#)
  #expect(found.count == 1 && found.first?.hasPrefix(words) == true, "\(found)")
}

@Test func aNameThatAnotherEntryHasIsAFault() {
  let pair = #"{"from": "m", "secret_id": "a", "previous": true}"#
  let plain = #"{"from": "m", "secret_id": "b"}"#
  for secrets in [#""A": \#(pair), "A_PREVIOUS": \#(plain)"#, #""A_PREVIOUS": \#(plain), "A": \#(pair)"#] {
    let found = faults(secrets)
    #expect(found.count == 1 && found.first?.contains("A_PREVIOUS") == true, "\(found)")
  }
  #expect(faults(#""A": \#(pair), "A_PREVIOUS": \#(pair)"#).count == 1)
  #expect(faults(#""A": \#(plain), "A_PREVIOUS": \#(plain)"#).isEmpty)
}

@Test func aNameThatIsTooLongWithItsSuffixIsAFault() {
  let name = String(repeating: "a", count: 250)
  #expect(faults(#""\#(name)": {"from": "m", "secret_id": "a", "previous": true}"#).count == 1)
  #expect(faults(#""\#(name)": {"from": "m", "secret_id": "a"}"#).isEmpty)
}
