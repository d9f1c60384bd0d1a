import Settings
import Testing

@testable import AgentDaemon

private let states =
  "&states=pending&states=starting&states=validating&states=running&states=degraded&states=failed&states=lost"
  + "&states=stopping"

private func addresses(_ urls: String...) throws -> OrchestratorAddresses {
  OrchestratorAddresses(try urls.map(OrchestratorAddress.init))
}

@Suite struct OrchestratorAddressesTests {
  @Test(arguments: [
    ("https://o.example:9010", "https://o.example:9010"), ("https://o.example:9010/", "https://o.example:9010"),
    ("https://o.example", "https://o.example"), ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("o.example", "https://o.example:9010"), ("o.example:7", "https://o.example:7"),
    ("o.example/", "https://o.example:9010"), ("10.0.0.7", "https://10.0.0.7:9010"),
    ("[fd00::7]", "https://[fd00::7]:9010"), ("[fd00::7]:443", "https://[fd00::7]:443"),
    ("{node_id}.o.example", "https://{node_id}.o.example:9010"),
  ])
  func aBaseIsCompleted(_ written: String, _ base: String) throws {
    let addresses = try addresses(written)
    #expect(addresses.name == written)
    #expect(addresses.lists == ["\(base)/api/v1/executions?node_ids={node_id}&limit=1000\(states)"])
    #expect(addresses.jobURL == "\(base)/api/v1/jobs/{job_id}")
    #expect(addresses.tokenURL == "\(base)/api/v1/auth/token")
  }

  @Test(arguments: [
    ("https://o.example/api/v1/executions?node_ids={node_id}", "https://o.example"),
    ("https://o.example:9010/fleet/a/api/v1/jobs/{job_id}/executions", "https://o.example:9010/fleet/a"),
    ("https://o.example/executions?back=/x/api/v1/y", "https://o.example"),
    ("https://o.example/api", "https://o.example"),
    ("https://o.example?node={node_id}", "https://o.example"),
    ("https://o.example/{namespace}/api/v1/x", "https://o.example/{namespace}"),
  ])
  func anAddressWithAPathIsTakenAsItIs(_ written: String, _ base: String) throws {
    let addresses = try addresses(written)
    #expect(addresses.lists == [written])
    #expect(addresses.jobURL == "\(base)/api/v1/jobs/{job_id}")
    #expect(addresses.tokenURL == "\(base)/api/v1/auth/token")
  }

  @Test func theFirstSaysWhereJobsAndTokensAre() throws {
    let addresses = try addresses("https://a.example/api/v1/executions?x=1", "b.example", "https://a.example/other")
    #expect(addresses.lists.count == 3 && addresses.lists[2] == "https://a.example/other")
    #expect(addresses.jobURL == "https://a.example/api/v1/jobs/{job_id}")
    #expect(addresses.name == "https://a.example/api/v1/executions?x=1")
  }

  @Test(arguments: [
    "", " ", ":9010", "o.example:", "https://o.example:", "o.example:99999", "o.example/path", "o.example?x=1", "::1",
    "ftp://o.example", "https://", "https:///x", "https://user@o.example", "user@o.example", "https://o.example/#f",
    "http://o.example", "http://o.example/api/v1/executions", "//o.example", "o example", "o.example?x=https://y",
    "[::1", "https://o.example:9010\n",
  ])
  func whatIsNoAddressIsRefused(_ written: String) {
    #expect(throws: SettingFault.self) { try OrchestratorAddress(written) }
  }
}
