import ProviderFakes
import SecretBytes
import Testing

/// Engines answer in the shapes of the real ones.
@Suite struct VaultFakeEngines {
  // MARK: - KV version 2

  @Test func versionTwoWrapsDataAndMetadata() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "web/db", #"{"n": 1.0, "big": 12345678901234567890}"#)
      let answer = try await scene.get("/v1/secret/data/web/db")
      #expect(answer.status == 200 && answer.headers.first("Content-Type") == "application/json")
      // Character for character.
      #expect(answer.text.contains(#""data":{"n": 1.0, "big": 12345678901234567890},"metadata""#))
      let metadata = try #require(answer.json?.member("data")?.member("metadata"))
      #expect(metadata.member("version")?.int64 == 1)
      #expect(metadata.member("destroyed")?.boolean == false)
      #expect(metadata.member("deletion_time")?.text == "")
      #expect(metadata.member("custom_metadata")?.isNull == true)
    }
  }

  @Test func versionsAreAskedForByNumber() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      for number in 1...3 {
        scene.fake.put("secret", "a", #"{"v": \#(number)}"#)
      }
      for (query, version) in [("", 3), ("?version=1", 1), ("?version=3", 3), ("?version=0", 3)] {
        let answer = try await scene.get("/v1/secret/data/a\(query)")
        #expect(answer.json?.member("data")?.member("data")?.member("v")?.int64 == Int64(version), "\(query)")
      }
      for query in ["?version=4", "?version=-1", "?version=x", "?version=99999999999999999999"] {
        let answer = try await scene.get("/v1/secret/data/a\(query)")
        #expect(answer.status == 404 && answer.json?.member("errors")?.count == 0, "\(query)")
      }
    }
  }

  @Test func deletedAndDestroyedVersionsLeaveTheirMetadata() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      for number in 1...3 {
        scene.fake.put("secret", "a", #"{"v": \#(number)}"#)
      }
      scene.fake.delete("secret", "a", version: 3)
      scene.fake.destroy("secret", "a", version: 2)
      for (query, isDestroyed) in [("", false), ("?version=2", true)] {
        let answer = try await scene.get("/v1/secret/data/a\(query)")
        let data = try #require(answer.json?.member("data"))
        #expect(answer.status == 404 && data.member("data")?.isNull == true)
        #expect(data.member("metadata")?.member("destroyed")?.boolean == isDestroyed)
        #expect((data.member("metadata")?.member("deletion_time")?.text == "") == isDestroyed)
      }
      #expect(try await scene.get("/v1/secret/data/a?version=1").status == 200)
    }
  }

  @Test func aPathWithoutDataIsToldToBeWrong() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", "{}")
      let answer = try await scene.get("/v1/secret/a")
      #expect(answer.status == 404)
      #expect(answer.json?.member("warnings")?.element(0)?.text?.contains("versioned K/V") == true)
    }
  }

  @Test func writesMakeVersions() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      for number in 1...2 {
        let written = try await scene.call(.post, "/v1/secret/data/a", body: #"{"data": {"v": \#(number)}}"#)
        #expect(written.json?.member("data")?.member("version")?.int64 == Int64(number))
      }
      #expect(try await scene.call(.post, "/v1/secret/data/a", body: "{}").status == 400)
      #expect(try await scene.get("/v1/secret/data/a?version=1").text.contains(#"{"v":1}"#))
    }
  }

  // MARK: - KV version 1

  @Test func versionOneGivesTheObjectItself() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      #expect(try await scene.call(.put, "/v1/kv1/mail", body: #"{ "p" : "x" }"#).status == 204)
      let answer = try await scene.get("/v1/kv1/mail")
      #expect(answer.status == 200 && answer.text.contains(#""data":{ "p" : "x" }"#))
      #expect(answer.json?.member("lease_id")?.text == "")
      #expect(try await scene.get("/v1/kv1/nowhere").status == 404)
      #expect(try await scene.get("/v1/kv1/data/mail").status == 404)
    }
  }

  @Test func theLongestMountAnswers() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.mount("kv1/deep", version: 2)
      scene.fake.put("kv1/deep", "a", #"{"of": "deep"}"#)
      scene.fake.put("kv1", "data/a", #"{"of": "kv1"}"#)
      #expect(try await scene.get("/v1/kv1/deep/data/a").text.contains("deep"))
      #expect(try await scene.get("/v1/kv1/data/a").text.contains(#"{"of": "kv1"}"#))
    }
  }

  @Test func whatIsNotMountedHasNoRoute() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      let answer = try await scene.get("/v1/nowhere/data/a")
      #expect(answer.status == 404 && answer.error?.contains("no handler for route") == true)
      #expect(try await scene.get("/ui/").text.contains("<html>"))
    }
  }

  // MARK: - Leases

  @Test func everyReadOfADatabaseMakesAUserWithALease() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.mountDatabase("database", leaseSeconds: 60)
      let first = try await scene.get("/v1/database/creds/web")
      let second = try await scene.get("/v1/database/creds/web")
      let names = [first, second].compactMap { $0.json?.member("data")?.member("username")?.text }
      #expect(Set(names).count == 2)
      #expect(first.json?.member("lease_duration")?.int64 == 60)
      let lease = try #require(first.json?.member("lease_id")?.text)
      #expect(lease.hasPrefix("database/creds/web/") && scene.fake.liveLeases.contains(lease))
      scene.fake.advance(seconds: 61)
      // Any call lets the fake see what time it is.
      _ = try await scene.get("/v1/sys/health")
      #expect(scene.fake.liveLeases.isEmpty)
    }
  }

  @Test func leasesAreLookedUp() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.mountDatabase("database", leaseSeconds: 60, isRenewable: false)
      let made = try await scene.get("/v1/database/creds/web")
      let lease = try #require(made.json?.member("lease_id")?.text)
      #expect(made.json?.member("renewable")?.boolean == false)
      let body = #"{"lease_id": "\#(lease)"}"#
      scene.fake.advance(seconds: 20)
      let found = try await scene.call(.put, "/v1/sys/leases/lookup", body: body).json?.member("data")
      #expect((38...40).contains(found?.member("ttl")?.int64 ?? 0))
      #expect(found?.member("renewable")?.boolean == false && found?.member("id")?.text == lease)
      #expect(try await scene.call(.put, "/v1/sys/leases/renew", body: body).status == 400)
      #expect(try await scene.call(.put, "/v1/sys/leases/lookup", body: #"{"lease_id": "other"}"#).status == 400)
    }
  }

  @Test func leasesAreRenewedAndRevoked() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.mountDatabase("database", leaseSeconds: 60)
      let lease = try #require(try await scene.get("/v1/database/creds/web").json?.member("lease_id")?.text)
      scene.fake.advance(seconds: 50)
      let renewed = try await scene.call(
        .put, "/v1/sys/leases/renew", body: #"{"lease_id": "\#(lease)", "increment": 60}"#)
      #expect(renewed.json?.member("lease_duration")?.int64 == 60)
      scene.fake.advance(seconds: 50)
      // No increment leads beyond the lease's maximum, ten times its length.
      let greedy = try await scene.call(
        .put, "/v1/sys/leases/renew", body: #"{"lease_id": "\#(lease)", "increment": 99999}"#)
      #expect((498...500).contains(greedy.json?.member("lease_duration")?.int64 ?? 0))
      let revoke = #"{"lease_id": "\#(lease)"}"#
      #expect(try await scene.call(.put, "/v1/sys/leases/revoke", body: revoke).status == 204)
      #expect(scene.fake.liveLeases.isEmpty)
      #expect(try await scene.call(.put, "/v1/sys/leases/renew", body: revoke).status == 400)
      #expect(try await scene.call(.put, "/v1/sys/leases/revoke", body: "{}").status == 400)
    }
  }

  // MARK: - Seeds

  @Test func aSeedFillsTheVault() throws {
    let key = try JWTKey()
    let pem = key.publicPEM.replacing("\n", with: "\\n")
    let seed = """
      {"vault": {"namespaces": ["team"], "mounts": [{"path": "kv", "version": 1, "namespace": "team"}],
        "secrets": [{"mount": "secret", "path": "a", "versions": [{"v": 1.0}, {"v": 2}]},
          {"mount": "kv", "path": "b", "data": {"w": 3}, "namespace": "team"}],
        "approles": [{"role_id": "r", "secret_id": "s", "secret_id_uses": 1, "ttl": 30, "type": "batch"}],
        "jwt_roles": [{"role": "web", "public_key": "\(pem)"}],
        "tokens": [{"id": "t", "ttl": 60, "allowed": ["secret/"]}]}}
      """
    try FakeScene.run { (scene: FakeScene) async throws in
      try FakesSeed(SecretBytes(seed)).apply(to: scene.fake)
      #expect(try await scene.get("/v1/secret/data/a?version=1").text.contains(#"{"v": 1.0}"#))
      #expect(try await scene.get("/v1/kv/b", namespace: "team").text.contains(#"{"w": 3}"#))
      #expect(try await scene.get("/v1/secret/data/a", token: "t").status == 200)
      let login = try await scene.logIn("r", "s")
      #expect(login.token?.hasPrefix("hvb.") == true)
      #expect(try await scene.logIn("r", "s").status == 400)
      #expect(try await scene.logIn(jwt: key.token(claims: #"{"exp": 99999999999}"#)).status == 200)
    }
  }

  @Test(arguments: ["", "{", "[]", "{}", #"{"vault": []}"#]) func aSeedThatIsNone(text: String) {
    #expect(throws: FakeFault.self) { try FakesSeed(SecretBytes(text)) }
  }

  @Test func aSeedThatLacksSomethingSaysWhat() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      let seed = try FakesSeed(SecretBytes(#"{"vault": {"approles": [{"role_id": "r"}]}}"#))
      let fault = #expect(throws: FakeFault.self) { try seed.apply(to: scene.fake) }
      #expect(fault?.description.contains("secret_id is missing") == true)
    }
  }
}
