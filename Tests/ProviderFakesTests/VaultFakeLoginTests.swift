import Glibc
import ProviderFakes
import Testing

/// Logins are verified as a real Vault verifies them.
@Suite struct VaultFakeLogins {
  // MARK: - AppRole

  @Test func anAppRoleGetsATokenThatWorks() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 600))
      scene.fake.put("secret", "a", "{}")
      let login = try await scene.logIn("r", "s")
      #expect(login.status == 200)
      let auth = try #require(login.json?.member("auth"))
      #expect(auth.member("lease_duration")?.int64 == 600)
      #expect(auth.member("renewable")?.boolean == true)
      #expect(auth.member("token_type")?.text == "service")
      #expect(try await scene.get("/v1/secret/data/a", token: login.token).status == 200)
    }
  }

  @Test(arguments: [("wrong", "s"), ("r", "wrong"), ("", ""), ("s", "r"), ("r", "other's")])
  func aWrongRoleOrSecretIDIsRefused(role: String, secret: String) throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addAppRole(roleID: "r", secretID: "s")
      scene.fake.addAppRole(roleID: "other", secretID: "other's")
      let login = try await scene.logIn(role, secret)
      #expect(login.status == 400)
      #expect(login.error == "invalid role or secret ID")
      #expect(scene.fake.liveTokens.isEmpty)
    }
  }

  @Test(arguments: [1, 2]) func aSecretIDIsUsedUp(uses: Int) throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addAppRole(roleID: "r", secretID: "s", secretIDUses: uses)
      for _ in 0..<uses {
        #expect(try await scene.logIn("r", "s").status == 200)
      }
      #expect(try await scene.logIn("r", "s").status == 400)
      // A failed login uses nothing up.
      scene.fake.addAppRole(roleID: "q", secretID: "t", secretIDUses: 1)
      #expect(try await scene.logIn("q", "wrong").status == 400)
      #expect(try await scene.logIn("q", "t").status == 200)
    }
  }

  @Test func aMethodIsMountedWhereItIs() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addAppRole(mount: "deep/approle", roleID: "r", secretID: "s")
      #expect(try await scene.logIn("r", "s").status == 403)
      #expect(try await scene.logIn("r", "s", mount: "deep/approle").status == 200)
    }
  }

  @Test func aLoginIsAWrite() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addAppRole(roleID: "r", secretID: "s")
      #expect(try await scene.get("/v1/auth/approle/login", token: nil).status == 403)
      let login = try await scene.call(
        .put, "/v1/auth/approle/login", token: nil, body: #"{"role_id": "r", "secret_id": "s"}"#)
      #expect(login.status == 200)
    }
  }

  // MARK: - JWT

  private static func claims(
    expiresIn seconds: Int = 600, startsIn start: Int? = nil, audience: String = #""vault""#, issuer: String = "issuer",
    subject: String = "web"
  ) -> String {
    let now = time(nil)
    let notBefore = start.map { #","nbf":\#(now + $0)"# } ?? ""
    return
      #"{"iss":"\#(issuer)","aud":\#(audience),"sub":"\#(subject)","iat":\#(now),"exp":\#(now + seconds)\#(notBefore)}"#
  }

  /// Runs `body` with a role that is bound to the claims above.
  private func withRole(
    _ algorithm: JWTKey.Algorithm = .es256, _ body: @escaping @Sendable (FakeScene, JWTKey) async throws -> Void
  ) throws {
    let key = try JWTKey(algorithm)
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addJWTRole(
        role: "web", publicKeys: [key.publicPEM], issuer: "issuer", audience: "vault", subject: "web")
      try await body(scene, key)
    }
  }

  @Test(arguments: [JWTKey.Algorithm.rs256, .es256]) func aSignedJWTGetsAToken(algorithm: JWTKey.Algorithm) throws {
    try withRole(algorithm) { (scene: FakeScene, key: JWTKey) async throws in
      #expect(try await scene.logIn(jwt: key.token(claims: Self.claims())).status == 200)
      let listed = try key.token(claims: Self.claims(audience: #"["other", "vault"]"#))
      #expect(try await scene.logIn(jwt: listed).status == 200)
    }
  }

  @Test(arguments: [JWTKey.Algorithm.rs256, .es256]) func aForgedJWTIsRefused(algorithm: JWTKey.Algorithm) throws {
    let foreign = try JWTKey(algorithm)
    let other = try JWTKey(algorithm == .rs256 ? .es256 : .rs256)
    try withRole(algorithm) { (scene: FakeScene, key: JWTKey) async throws in
      let good = try key.token(claims: Self.claims())
      let parts = good.split(separator: ".").map(String.init)
      let better = try key.token(claims: Self.claims(expiresIn: 999_999)).split(separator: ".").map(String.init)
      let forged = [
        try foreign.token(claims: Self.claims()), try other.token(claims: Self.claims()),
        // Claims of one token under the signature of another.
        "\(parts[0]).\(better[1]).\(parts[2])",
        "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])", "not.a.jwt", "",
        // {"alg":"none"} and {"alg":"HS256"}: RFC 8725 §2.1.
        "eyJhbGciOiJub25lIn0.\(parts[1]).", "eyJhbGciOiJIUzI1NiJ9.\(parts[1]).\(parts[2])",
      ]
      for token in forged {
        let login = try await scene.logIn(jwt: token)
        #expect(login.status == 400, "\(token)")
        #expect(login.error?.contains("signature") == true)
      }
      #expect(scene.fake.liveTokens.isEmpty)
    }
  }

  @Test func claimsMustHold() throws {
    try withRole { (scene: FakeScene, key: JWTKey) async throws in
      let wrong = [
        (Self.claims(expiresIn: -3600), "expired"), (Self.claims(startsIn: 3600), "nbf"),
        (Self.claims(audience: #""other""#), "aud"), (Self.claims(audience: #"["a", "b"]"#), "aud"),
        (Self.claims(audience: "[]"), "aud"), (Self.claims(issuer: "other"), "iss"),
        (Self.claims(subject: "other"), "sub"), (#"{"iss":"issuer","aud":"vault","sub":"web"}"#, "exp"),
      ]
      for (claims, word) in wrong {
        let login = try await scene.logIn(jwt: key.token(claims: claims))
        #expect(login.status == 400)
        #expect(login.error?.contains(word) == true, "\(word): \(login.text)")
      }
    }
  }

  @Test func aMinuteOfSkewIsForgiven() throws {
    try withRole { (scene: FakeScene, key: JWTKey) async throws in
      #expect(try await scene.logIn(jwt: key.token(claims: Self.claims(expiresIn: -20))).status == 200)
      #expect(try await scene.logIn(jwt: key.token(claims: Self.claims(startsIn: 20))).status == 200)
    }
  }

  @Test func aRoleThatIsNotThere() throws {
    try withRole { (scene: FakeScene, key: JWTKey) async throws in
      let login = try await scene.logIn(jwt: key.token(claims: Self.claims()), role: "nobody")
      #expect(login.status == 400)
      #expect(login.error == "role could not be found")
    }
  }
}
