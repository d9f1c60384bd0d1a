import ExecutionModel
import HTTPTransport
import NodePolicy
import ProviderKit
import SecretBytes
import TestSupport
import Testing
import VaultProvider

/// A standby's redirect, where the policy lets it be followed and binds what is sent along.
@Suite(.timeLimit(.minutes(15))) struct BoundRedirectTests {
  private func hosts(redirectingTo target: String, rules: String) async throws -> (hosts: [String], failure: String?) {
    let policy = try PolicyFile.parse(
      SecretBytes("environment: [VAULT_TOKEN]\nstandby_redirects: true\n\(rules)"), over: .strict, origin: "policy.yaml"
    )
    let transport = ScriptedTransport { request, _ in
      let body = SecretBytes(#"{"data": {"data": {"password": "value"}, "metadata": {"version": 1}}}"#)
      return request.url.host == "vault.example.com"
        ? .success(HTTPResponse(status: 307, headers: HTTPFields([("Location", target)]), body: SecretBytes()))
        : .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: body))
    }
    let connection = try ProviderConnection.testing(
      #"{"provider": "hashicorp_vault", "address": "https://vault.example.com", "auth": {"token_env": "VAULT_TOKEN"}}"#,
      by: VaultProvider.descriptor)
    let services = ProviderServices.testing(
      transport: { _ in transport }, policy: policy.granting(CredentialGrant(["vault"])),
      environment: ["VAULT_TOKEN": "token"])
    let provider = try #require(
      VaultProvider.open(connection.key, over: OpenConnection(named: "p", services: services)))
    let reference = connection.reference(["mount": "secret", "secret_path": "web/db"])
    let result = await provider.fetch(references: [reference]).first
    // Or its session would ask about the given token for ever: on this clock each pause is over at once.
    await provider.close(.handedOver)
    // And it may have asked before that; what counts is who got the read.
    let reads = transport.requests.filter { $0.url.path.contains("/data/") }
    return (reads.map(\.url.host), result?.failure?.line)
  }

  @Test func aRedirectToAnAddressOfTheRuleIsFollowed() async throws {
    let (hosts, failure) = try await hosts(
      redirectingTo: "https://active.vault.example.com/v1/secret/data/web/db",
      rules: "credentials: [{name: vault, variables: [VAULT_TOKEN], to: [vault.example.com, active.vault.example.com]}]"
    )
    #expect(failure == nil)
    #expect(hosts == ["vault.example.com", "active.vault.example.com"])
  }

  @Test func aRedirectToAnotherAddressIsNotFollowed() async throws {
    let (hosts, failure) = try await hosts(
      redirectingTo: "https://vault.attacker.example/v1/secret/data/web/db",
      rules: "credentials: [{name: vault, variables: [VAULT_TOKEN], to: [vault.example.com]}]")
    let line = failure ?? ""
    #expect(line.contains("may not be sent to vault.attacker.example:443 (rule `credentials.vault`"), "\(line)")
    #expect(hosts == ["vault.example.com"])
  }
}
