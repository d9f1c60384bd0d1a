import ExecutionModel
import HTTPTransport
import NodePolicy
import Testing
import Text

private func allows(_ policy: NodePolicy, _ address: String) throws -> Bool {
  let url = try HTTPURL(parsing: address)
  return (try? policy.check(metadataService: url)) != nil
}

@Test func metadataServicesAreReachedWhereProvidersAreNot() throws {
  var narrow = NodePolicy.strict
  narrow.addresses = [AddressPattern(host: "vault.example.com")]
  for policy in [NodePolicy.strict, .personal, narrow] {
    for address in [
      "http://169.254.169.254", "http://169.254.129.2:8081", "http://127.0.0.1:4141", "http://[fd00:ec2::254]",
      "http://[fd00:ec2::23]",
    ] {
      #expect(try allows(policy, address))
    }
    for address in [
      "http://metadata.example.com", "http://10.0.0.1", "http://169.254.169.254.example.com", "http://[fe80::1]",
      "http://[fd00:ec2::25]",
    ] {
      #expect(try !allows(policy, address))
    }
  }
  #expect(try allows(.strict, "https://identity.example.com"))
  #expect(try !allows(narrow, "https://identity.example.com"))
}

@Test func aMetadataServicesSocketGoesWhereItsAddressSays() throws {
  func rule(_ address: String) throws -> HTTPAddressRule {
    NodePolicy.strict.addressRule(forMetadataService: try HTTPURL(parsing: address))
  }
  #expect(try rule("http://169.254.169.254") == .any)
  #expect(try rule("http://127.0.0.1:4141") == .loopbackOnly)
  #expect(try rule("https://identity.example.com") == .noLinkLocal)
}

/// No rule of a policy file could let it, so that none is named.
@Test func aPodsRefusalNamesNoRuleOfAFile() throws {
  let pod = NodePolicy.personal.granting(
    CredentialGrant([], workload: WorkloadIdentity(namespace: "web", serviceAccount: "app")))
  let refusal = try #require(throws: PolicyRefusal.self) {
    try pod.check(metadataService: HTTPURL(parsing: "http://169.254.169.254"))
  }
  #expect(
    refusal.message
      == "a pod logs in as itself, and not as the machine at 169.254.169.254; give auth a login by the pod's token")
}
