import Foundation
import NodePolicy
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

/// A file with this text, in a folder of its own.
private func temporaryFile(_ text: String) throws -> String {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let file = folder.appendingPathComponent("credential")
  try text.write(to: file, atomically: true, encoding: .utf8)
  return file.path
}

private func claims(_ more: String = "", expiresIn: Int = 600) -> String {
  #"{"iss": "issuer", "aud": ["vault"], "sub": "web", "exp": \#(Int(Date().timeIntervalSince1970) + expiresIn)\#(more)}"#
}

@Test func anAppRoleLogsInByValueFileAndVariable() throws {
  let file = try temporaryFile("s\n")
  for (auth, environment) in [
    (VaultScene.appRole, [:]),
    (#"{"method": "approle", "role_id_env": "ROLE", "secret_id_file": "\#(file)"}"#, ["ROLE": "r"]),
    (
      #"{"method": "approle", "role_id": "r", "secret_id_env": "SECRET", "mount_path": "auth/approle"}"#,
      ["SECRET": "s\n"]
    ),
    (#"{"method": "approle", "role_id": "r", "secret_id": "s", "mount_path": "approle/"}"#, [:]),
  ] {
    try VaultScene.run(auth: auth, environment: environment) { (scene: VaultScene) async throws in
      scene.fake.put("secret", "a", #"{"x": 1}"#)
      #expect(try await scene.read("secret", "a") == #"{"x": 1}"#)
      #expect(scene.logins == 1)
    }
  }
}

@Test func aCredentialFileIsReadAgainAtEachLogin() throws {
  let file = try temporaryFile("old")
  try VaultScene.run(auth: #"{"method": "approle", "role_id": "r", "secret_id_file": "\#(file)"}"#) {
    $0.addAppRole(roleID: "r", secretID: "new", grant: VaultScene.endless)
  } _: { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    #expect(try await scene.failure("secret", "a").kind == .denied)
    try "new".write(toFile: file, atomically: true, encoding: .utf8)
    scene.time.advance(by: .seconds(60))
    #expect(try await scene.read("secret", "a") == "{}")
  }
}

@Test func aWrongSecretIDIsDeniedAndNotRepeated() throws {
  try VaultScene.run(auth: #"{"method": "approle", "role_id": "r", "secret_id": "hidden-wrong"}"#) {
    (scene: VaultScene) async throws in
    let references = (0..<50).map { scene.reference("secret", "s\($0)") }
    let results = await scene.provider.fetch(references: references)
    for result in results {
      let failure = #expect(throws: ProviderFailure.self) { try result.get() }
      #expect(failure?.kind == .denied)
      #expect(failure?.status == 400)
      #expect(failure?.line.contains("hidden") == false)
    }
    #expect(scene.fake.recorder.requests.count == 1)
  }
}

@Test func aMissingCredentialSaysWhich() throws {
  for (auth, word) in [
    (#"{"method": "approle", "role_id": "r", "secret_id_file": "/does/not/exist"}"#, "auth.secret_id_file"),
    (#"{"method": "static", "token_env": "NOT_SET"}"#, "NOT_SET"),
    (#"{"method": "file", "path": "/does/not/exist"}"#, "auth.path"),
  ] {
    try VaultScene.run(auth: auth) { (scene: VaultScene) async throws in
      let failure = try await scene.failure("secret", "a")
      #expect(failure.kind == .denied)
      #expect(failure.line.contains(word))
      #expect(scene.fake.recorder.requests.isEmpty)
    }
  }
}

@Test(arguments: [JWTKey.Algorithm.rs256, .es256])
func aJWTLogsInWhereItsSignatureAndClaimsHold(_ algorithm: JWTKey.Algorithm) throws {
  let key = try JWTKey(algorithm)
  let foreign = try JWTKey(algorithm)
  let cases: [(String, Bool)] = [
    (try key.token(claims: claims()), true),
    (try foreign.token(claims: claims()), false),
    (try key.token(claims: claims(expiresIn: -3600)), false),
    (try key.token(claims: #"{"iss": "other", "aud": "vault", "sub": "web", "exp": 99999999999}"#), false),
    (try key.token(claims: #"{"iss": "issuer", "aud": "other", "sub": "web", "exp": 99999999999}"#), false),
    (try key.token(claims: claims()) + "x", false),
    ("not.a.jwt", false),
  ]
  for (token, isGood) in cases {
    try VaultScene.run(auth: #"{"method": "jwt", "role": "web", "jwt_env": "JWT"}"#, environment: ["JWT": token]) {
      $0.addJWTRole(
        role: "web", publicKeys: [key.publicPEM], issuer: "issuer", audience: "vault", subject: "web",
        grant: VaultScene.endless)
      $0.put("secret", "a", "{}")
    } _: { (scene: VaultScene) async throws in
      if isGood {
        #expect(try await scene.read("secret", "a") == "{}")
      } else {
        #expect(try await scene.failure("secret", "a").kind == .denied)
      }
    }
  }
}

@Test func kubernetesLogsInByTheServiceAccountsToken() throws {
  let key = try JWTKey()
  let file = try temporaryFile(try key.token(claims: claims()))
  try VaultScene.run(auth: #"{"method": "kubernetes", "role": "web", "token_file": "\#(file)", "mount_path": "k8s"}"#) {
    $0.addJWTRole(mount: "k8s", role: "web", publicKeys: [key.publicPEM], grant: VaultScene.endless)
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    #expect(scene.fake.recorder.requests.first?.path == "/v1/auth/k8s/login")
  }
}

@Test func aStaticTokenIsLookedUpAndNeverRevoked() throws {
  try VaultScene.run(auth: #"{"method": "static", "token": "t"}"#) {
    $0.addToken("t", grant: VaultFakeGrant(ttl: 600))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    let lifetime = try #require(try await scene.provider.logIn().lifetime)
    #expect((.seconds(590)...(.seconds(600))).contains(lifetime))
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.provider.close(.ended)
    #expect(scene.fake.liveTokens == ["t"])
  }
}

@Test func aBadStaticTokenIsDeniedWithoutANewLogin() throws {
  try VaultScene.run(auth: #"{"method": "static", "token": "hidden-bad"}"#) { (scene: VaultScene) async throws in
    await #expect(throws: ProviderFailure.self) { try await scene.provider.logIn() }
    let failure = try await scene.failure("secret", "a")
    #expect(failure.kind == .denied)
    #expect(!failure.line.contains("hidden"))
  }
}

@Test func aTokenFileIsReadAtEveryFetch() throws {
  let file = try temporaryFile("first")
  try VaultScene.run(auth: #"{"method": "file", "path": "\#(file)"}"#) {
    $0.addToken("first")
    $0.addToken("second")
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    try "second".write(toFile: file, atomically: true, encoding: .utf8)
    scene.fake.revokeAllTokens()
    scene.fake.addToken("second")
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.provider.close(.ended)
    #expect(scene.fake.liveTokens == ["second"])
  }
}

@Test func thePolicyBoundsCredentials() throws {
  var policy = NodePolicy.personal
  policy.credentialFiles = .beneath(["/nowhere"])
  policy.environment = .matching(["VAULT_*"])
  for auth in [
    #"{"method": "file", "path": "/etc/hostname"}"#, #"{"method": "static", "token_env": "HOME"}"#,
  ] {
    try VaultScene.run(auth: auth, policy: policy, environment: ["HOME": "x"]) { (scene: VaultScene) async throws in
      #expect(try await scene.failure("secret", "a").kind == .policy)
      #expect(scene.fake.recorder.requests.isEmpty)
    }
  }
}
