import ExecutionModel
import Testing

private func provider(_ auth: String) -> String {
  #"{"secret_providers": {"a": {"provider": "azure_key_vault", "vault_url": "https://shop.vault.azure.net"\#(auth)}}, "secrets": {"A": {"from": "a", "secret_name": "s"}}}"#
}

@Test(arguments: [
  ("", "default"), (#", "auth": {}"#, "default"), (#", "auth": null"#, "default"),
  (#", "auth": {"tenant_id": "t", "client_id": "c", "client_secret_env": "S"}"#, "client_secret"),
  (#", "auth": {"tenant_id": "t", "client_id": "c"}"#, "workload_identity"),
  (#", "auth": {"token_file": "/t"}"#, "workload_identity"),
  (#", "auth": {"managed_identity_client_id": "m"}"#, "managed_identity"),
  (#", "auth": {"method": "default", "managed_identity_client_id": "m"}"#, "default"),
])
func theFieldsTellTheMethod(_ auth: String, _ method: String) throws {
  #expect(try execution(provider(auth)).providers.first?.method == method)
}

@Test func connectionsThatSayTheSameAreOne() throws {
  let written = try execution(provider(#", "auth": {"method": "managed_identity", "managed_identity_client_id": "m"}"#))
  let inferred = try execution(provider(#", "auth": {"managed_identity_client_id": "m"}"#))
  #expect(written.providers.first?.key == inferred.providers.first?.key)
}

@Test func aFieldThatIsMissingBesideTheTellingOneIsNamed() {
  #expect(
    faults(provider(#", "auth": {"client_secret_env": "S", "tenant_id": "t"}"#)).first?.hasPrefix(
      "secret_providers.a.auth.client_id: required for azure_key_vault's method client_secret") == true)
}

@Test func fieldsOfTwoMethodsContradictEachOther() {
  #expect(
    faults(provider(#", "auth": {"client_secret_env": "S", "managed_identity_client_id": "m"}"#)) == [
      "secret_providers.a.auth: no method takes these fields together; write method, one of client_secret, "
        + "managed_identity, workload_identity, default"
    ])
  #expect(
    faults(provider(#", "auth": {"method": "managed_identity", "tenant_id": "t"}"#)).first?.contains(
      "belongs to method client_secret, method workload_identity") == true)
}

@Test(arguments: [
  (#"{"role": "r"}"#, "kubernetes"), (#"{"role": "r", "token_file": "/t"}"#, "kubernetes"),
  (#"{"token_file": "/t"}"#, "static"), (#"{"token_env": "T"}"#, "static"), (#"{"path": "/t"}"#, "file"),
  (#"{"role": "r", "jwt_file": "/j"}"#, "jwt"), (#"{"method": "token", "token": "t"}"#, "static"),
  (#"{"role_id_file": "/r", "secret_id_file": "/s", "mount_path": "auth/web"}"#, "approle"),
])
func theFieldsTellTheMethodOfVault(_ auth: String, _ method: String) throws {
  #expect(try execution(spec(secrets: "", auth: auth)).providers.first?.method == method)
}
