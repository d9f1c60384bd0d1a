import HTTPTransport
import ProviderFakes
import Testing

/// Tokens have lives, uses, policies and namespaces.
@Suite struct VaultFakeTokens {
  @Test(arguments: [nil, "", "hvs.made-up", "accessor-1"] as [String?]) func onlyATokenOpensAnything(token: String?)
    throws
  {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", "{}")
      scene.fake.addToken("t")
      for path in ["/v1/secret/data/a", "/v1/auth/token/lookup-self", "/v1/nowhere/a"] {
        let answer = try await scene.get(path, token: token)
        #expect(answer.status == 403)
        #expect(answer.error == "permission denied")
      }
    }
  }

  @Test func aBearerIsAToken() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", "{}")
      let answer = try await scene.call(
        .get, "/v1/secret/data/a", token: nil, headers: [HTTPHeader("Authorization", "Bearer root")])
      #expect(answer.status == 200)
    }
  }

  @Test func aTokenEndsWithItsLife() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addToken("t", grant: VaultFakeGrant(ttl: 60))
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "t").status == 200)
      scene.fake.advance(seconds: 59)
      let left = try await scene.get("/v1/auth/token/lookup-self", token: "t")
      #expect((0...1).contains(left.json?.member("data")?.member("ttl")?.int64 ?? -1))
      scene.fake.advance(seconds: 2)
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "t").status == 403)
      #expect(scene.fake.liveTokens.isEmpty)
    }
  }

  @Test func renewalLeadsNoFurtherThanTheMaximum() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addToken("t", grant: VaultFakeGrant(ttl: 60, maximumTTL: 90))
      scene.fake.advance(seconds: 50)
      let renewed = try await scene.call(.put, "/v1/auth/token/renew-self", token: "t", body: "{}")
      #expect(renewed.status == 200)
      #expect((38...40).contains(renewed.json?.member("auth")?.member("lease_duration")?.int64 ?? -1))
      scene.fake.advance(seconds: 35)
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "t").status == 200)
      scene.fake.advance(seconds: 6)
      #expect(try await scene.call(.put, "/v1/auth/token/renew-self", token: "t").status == 403)
    }
  }

  @Test func someTokensAreNotRenewed() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addToken("fixed", grant: VaultFakeGrant(isRenewable: false))
      scene.fake.addToken("batch", grant: VaultFakeGrant(isBatch: true))
      scene.fake.addToken("endless", grant: VaultFakeGrant(ttl: 0))
      for (token, word) in [("fixed", "not renewable"), ("batch", "batch"), ("endless", "not renewable")] {
        let answer = try await scene.call(.put, "/v1/auth/token/renew-self", token: token)
        #expect(answer.status == 400)
        #expect(answer.error?.contains(word) == true)
        #expect(try await scene.get("/v1/auth/token/lookup-self", token: token).status == 200)
      }
    }
  }

  @Test func aRevokedTokenIsGoneWithItsLeases() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.mountDatabase("database", leaseSeconds: 60)
      scene.fake.addToken("t")
      scene.fake.addToken("batch", grant: VaultFakeGrant(isBatch: true))
      #expect(try await scene.get("/v1/database/creds/web", token: "t").status == 200)
      #expect(try await scene.get("/v1/database/creds/web").status == 200)
      #expect(scene.fake.liveLeases.count == 2)
      #expect(try await scene.call(.put, "/v1/auth/token/revoke-self", token: "t").status == 204)
      #expect(scene.fake.liveLeases.count == 1)
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "t").status == 403)
      #expect(try await scene.call(.put, "/v1/auth/token/revoke-self", token: "batch").status == 400)
      scene.fake.revokeAllTokens()
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "batch").status == 403)
      #expect(try await scene.get("/v1/auth/token/lookup-self").status == 200)
    }
  }

  @Test func usesRunOut() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", "{}")
      scene.fake.addToken("t", grant: VaultFakeGrant(uses: 2))
      for status in [200, 200, 403] {
        #expect(try await scene.get("/v1/secret/data/a", token: "t").status == status)
      }
    }
  }

  @Test func aTokenReachesWhatItsPoliciesAllow() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "web/db", "{}")
      scene.fake.put("secret", "other", "{}")
      scene.fake.addToken("t", grant: VaultFakeGrant(allowed: ["secret/data/web/"]))
      scene.fake.addToken("nothing", grant: VaultFakeGrant(allowed: []))
      #expect(try await scene.get("/v1/secret/data/web/db", token: "t").status == 200)
      // What it may not read, it cannot tell from what is not there.
      for path in ["/v1/secret/data/other", "/v1/secret/data/nowhere", "/v1/unmounted/x", "/v1/secret/web/db"] {
        let answer = try await scene.get(path, token: "t")
        #expect(answer.status == 403 && answer.error?.contains("permission denied") == true)
      }
      #expect(try await scene.get("/v1/secret/data/web/db", token: "nothing").status == 403)
      // The default policy lets every token look itself up.
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "nothing").status == 200)
    }
  }

  @Test func namespacesAreApart() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addNamespace("team")
      scene.fake.addNamespace("team/sub")
      scene.fake.addNamespace("teamster")
      for name in ["team", "team/sub", "teamster"] {
        scene.fake.mount("secret", version: 2, namespace: name)
        scene.fake.put("secret", "a", #"{"of": "\#(name)"}"#, namespace: name)
      }
      scene.fake.addAppRole(roleID: "r", secretID: "s", namespace: "team")
      #expect(try await scene.logIn("r", "s").status == 403)
      let token = try #require(try await scene.logIn("r", "s", namespace: "team").token)
      for (name, status) in [("team", 200), ("/team/", 200), ("team/sub", 200), ("teamster", 403), ("nobody", 404)] {
        #expect(try await scene.get("/v1/secret/data/a", token: token, namespace: name).status == status, "\(name)")
      }
      #expect(try await scene.get("/v1/secret/data/a", token: token).status == 403)
      let answer = try await scene.get("/v1/secret/data/a", token: token, namespace: "team")
      #expect(answer.text.contains(#"{"of": "team"}"#))
    }
  }

  @Test func aSealedVaultAnswersNothingButItsState() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", "{}")
      scene.fake.seal()
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 503 && answer.error == "Vault is sealed")
      #expect(try await scene.logIn("r", "s").status == 503)
      #expect(try await scene.get("/v1/sys/health", token: nil).status == 503)
      let state = try await scene.get("/v1/sys/seal-status", token: nil)
      #expect(state.status == 200 && state.json?.member("sealed")?.boolean == true)
      scene.fake.seal(false)
      #expect(try await scene.get("/v1/secret/data/a").status == 200)
    }
  }

  @Test func aStandbyNamesTheActiveNode() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.standBy(for: "http://active.example:8200")
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 307)
      #expect(answer.headers.first("Location") == "http://active.example:8200/v1/secret/data/a")
    }
  }

  @Test func anAgentsListenerMayDemandItsHeader() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", "{}")
      scene.fake.requireRequestHeader()
      #expect(try await scene.get("/v1/secret/data/a").status == 412)
      let answer = try await scene.call(.get, "/v1/secret/data/a", headers: [HTTPHeader("X-Vault-Request", "true")])
      #expect(answer.status == 200)
    }
  }
}
