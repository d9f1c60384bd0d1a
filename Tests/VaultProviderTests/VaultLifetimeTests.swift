import EventLoop
import NodePolicy
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

/// Moves both clocks on.
private func pass(_ seconds: Int, _ scene: VaultScene) {
  scene.fake.advance(seconds: Double(seconds))
  scene.time.advance(by: .seconds(seconds))
}

/// Waits until the fake was asked `pattern` so often.
private func asked(_ pattern: String, _ times: Int, _ scene: VaultScene) async {
  while scene.fake.recorder.count(pattern) < times {
    await Task.yield()
  }
}

@Test func aTokenIsRenewedAtTwoThirdsOfItsLife() throws {
  try VaultScene.run(time: ManualTime()) {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 60))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    for round in 1...5 {
      await scene.time.sleepers(1)
      #expect(scene.fake.recorder.count("POST /v1/auth/token/renew-self") == round - 1)
      pass(41, scene)
      await asked("POST /v1/auth/token/renew-self", round, scene)
    }
    await scene.time.sleepers(1)
    #expect(try await scene.read("secret", "a") == "{}")
    #expect(scene.logins == 1)
    await scene.provider.close(.ended)
    #expect(scene.fake.liveTokens.isEmpty)
  }
}

@Test func whereRenewalEndsALoginFollows() throws {
  try VaultScene.run(time: ManualTime()) {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 60, maximumTTL: 70))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.time.sleepers(1)
    pass(41, scene)
    await asked("POST /v1/auth/token/renew-self", 1, scene)
    // 29 of 60 seconds are what the maximum leaves: at two thirds of them the token is replaced.
    pass(25, scene)
    // On the side of a read, which goes on with what there is.
    while scene.logins < 2 {
      #expect(try await scene.read("secret", "a") == "{}")
    }
    #expect(try await scene.read("secret", "a") == "{}")
  }
}

@Test func aBatchTokenIsReplacedAndNeitherRenewedNorRevoked() throws {
  try VaultScene.run(time: ManualTime()) {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 60, isBatch: true))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    pass(41, scene)
    // On the side of a read, which goes on with what there is.
    while scene.logins < 2 {
      #expect(try await scene.read("secret", "a") == "{}")
    }
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.provider.close(.ended)
    #expect(scene.fake.recorder.count("POST /v1/auth/token/*") == 0)
  }
}

@Test func aLeaseIsRenewedThenReplacedThenRevoked() throws {
  try VaultScene.run {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 0))
    $0.mountDatabase("database", leaseSeconds: 60)
  } _: { (scene: VaultScene) async throws in
    let fields: [String: Int64] = ["engine_version": 1]
    let first = try await scene.read("database", "creds/web", fields)
    pass(40, scene)
    #expect(try await scene.read("database", "creds/web", fields) == first)
    #expect(scene.fake.recorder.count("PUT /v1/sys/leases/renew") == 1)
    pass(61, scene)
    #expect(try await scene.read("database", "creds/web", fields) != first)
    #expect(scene.fake.liveLeases.count == 1)
    await scene.provider.close(.ended)
    #expect(scene.fake.liveLeases.isEmpty)
    #expect(scene.fake.liveTokens.isEmpty)
  }
}

@Test func handingOverKeepsLeasesAndTheirToken() throws {
  try VaultScene.run {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultScene.endless)
    $0.mountDatabase("database", leaseSeconds: 60)
  } _: { (scene: VaultScene) async throws in
    let results = await scene.provider.fetch(references: [
      scene.reference("database", "creds/web", ["engine_version": 1])
    ])
    #expect(try results.first?.get().expiry != nil)
    await scene.provider.close(.handedOver)
    #expect(scene.fake.liveLeases.count == 1)
    #expect(scene.fake.liveTokens.count == 1)
  }
}

@Test func handingOverWithoutLeasesRevokesTheToken() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    _ = try await scene.read("secret", "a")
    await scene.provider.close(.handedOver)
    #expect(scene.fake.liveTokens.isEmpty)
  }
}

@Test func aStandbysRedirectIsFollowedOnlyByThePolicysLeave() throws {
  for isAllowed in [false, true] {
    var policy = NodePolicy.personal
    policy.allowsStandbyRedirects = isAllowed
    try VaultScene.run(policy: policy) { (scene: VaultScene) async throws in
      let active = try await VaultFake.start()
      active.addAppRole(roleID: "r", secretID: "s", grant: VaultScene.endless)
      active.put("secret", "a", "{}")
      scene.fake.standBy(for: active.address)
      if isAllowed {
        #expect(try await scene.read("secret", "a") == "{}")
      } else {
        #expect(try await scene.failure("secret", "a").line.contains("redirects"))
        #expect(active.recorder.requests.isEmpty)
      }
      await active.stop()
    }
  }
}
