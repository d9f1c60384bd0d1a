import TestSupport
import Testing

extension OpenBaoTests {
  /// What becomes of tokens and leases that the agent had made.
  @Suite struct TokensAndLeases {
    private let bao: OpenBaoServer

    init() async throws { bao = try await OpenBaoServer.shared() }

    @Test func theTokenOfALoginIsRevokedAfterResolve() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "abracadabra"])])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/db"], settings: ["token_ttl": "1h"])
      let document = JobDocument(bao.address, auth: role.auth, secrets: ["WORD": kv2(mount, "db", "word")])
      try await SecretsAgent().expect(document, gives: ["WORD": "abracadabra"])
      #expect(try bao.requests(to: role.loginPath).count == 1)
      #expect(try await bao.livingTokens(madeBy: role.loginPath) == 0)
    }

    @Test func theTokenOfALoginIsRevokedAfterAFailure() async throws {
      let mount = try await bao.makeKV2([])
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/db"], settings: ["token_ttl": "1h"])
      let document = JobDocument(bao.address, auth: role.auth, secrets: ["WORD": kv2(mount, "db", "word")])
      try await SecretsAgent().expect(document, failsWith: Status.unavailable, saying: "404")
      #expect(try bao.requests(to: role.loginPath).count == 1)
      #expect(try await bao.livingTokens(madeBy: role.loginPath) == 0)
    }

    /// A batch token cannot be revoked; that must not be an error.
    @Test func aBatchTokenOfALoginServes() async throws {
      let mount = try await bao.makeKV2([("db", ["word": "abracadabra"])])
      let role = try await bao.makeAppRole(
        reading: ["\(mount)/data/db"], settings: ["token_type": "batch", "token_ttl": "5m"])
      let document = JobDocument(bao.address, auth: role.auth, secrets: ["WORD": kv2(mount, "db", "word")])
      let outcome = try await SecretsAgent().resolve(document)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      #expect(flatStrings(outcome.output) == ["WORD": "abracadabra"])
      #expect(outcome.errorText == "")
    }

    /// The token is good for 30 calls of 50, so it ends under way, as one does that somebody revokes: one fresh
    /// login, however many calls were refused, and each of those tried once more.
    @Test func aTokenThatEndsMidwayIsReplacedOnce() async throws {
      let mount = try await bao.makeKV2((1...50).map { ("s\($0)", ["word": .string("w\($0)")]) })
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/*"], settings: ["token_num_uses": 30])
      var document = JobDocument(bao.address, auth: role.auth, secrets: [:])
      document.secrets = (1...50).map { ("S\($0)", kv2(mount, "s\($0)", "word")) }
      try await SecretsAgent().expect(
        document, gives: Dictionary(uniqueKeysWithValues: (1...50).map { ("S\($0)", "w\($0)") }))
      #expect(try bao.requests(to: role.loginPath).count == 2)
    }

    /// OpenBao's KV v1 engine gives leases where its mount says so: a lease by a plain read, with no service behind.
    @Test func aLeaseOutlivesResolveAndEndsWithExec() async throws {
      let mount = try await bao.makeEngine(version: 1, options: ["leased_passthrough": "true"])
      try await bao.root.write("\(mount)/db", ["username": "u-4711", "password": "p-4711", "ttl": "30m"])
      let probe = try await bao.root.read("\(mount)/db")
      #expect(try probe.top("lease_id", as: String.self).hasPrefix("\(mount)/db/"))
      try await bao.root.write("sys/leases/revoke", ["lease_id": .string(try probe.top("lease_id"))])

      let role = try await bao.makeAppRole(reading: ["\(mount)/db"])
      let document = JobDocument(
        bao.address, auth: role.auth,
        secrets: ["USERNAME": kv1(mount, "db", "username"), "PASSWORD": kv1(mount, "db", "password")])
      try await SecretsAgent().expect(document, gives: ["USERNAME": "u-4711", "PASSWORD": "p-4711"])
      // Ours and the agent's: by two reads of its own it would mix the fields of two different leases.
      #expect(try bao.requests(to: "\(mount)/db").filter { $0.hasPrefix("read ") }.count == 2)
      // The workload goes on using what it was handed: with its token the lease would be revoked.
      #expect(try await bao.hasLeases(beneath: "\(mount)/db"))
      try await bao.root.write("sys/leases/revoke-prefix/\(mount)/db", [:])
      while try await bao.hasLeases(beneath: "\(mount)/db") {}

      let agent = try SecretsAgent()
      let outcome = try await agent.run("exec", agent.file(document), "--", "sh", "-c", "echo $USERNAME")
      #expect(outcome.outputText == "u-4711\n", Comment(rawValue: outcome.errorText))
      // OpenBao works revocations off in the background. A lease that stays runs this into the time limit.
      while try await bao.hasLeases(beneath: "\(mount)/db") {}
    }
  }
}
