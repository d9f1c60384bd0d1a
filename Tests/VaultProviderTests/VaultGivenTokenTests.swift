import EventLoop
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

private let given = #"{"method": "static", "token": "t"}"#
private let lookUp = "GET /v1/auth/token/lookup-self"

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

@Test func aReadByAGivenTokenAsksNothingElse() throws {
  try VaultScene.run(auth: given, time: ManualTime()) {
    // A look at the token would use it up.
    $0.addToken("t", grant: VaultFakeGrant(ttl: 600, uses: 1))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.provider.close(.ended)
    #expect(scene.fake.recorder.requests.map(\.line) == ["GET /v1/secret/data/a"])
  }
}

@Test(arguments: [Fault.status(500), .status(404), .status(403), .reset, .malformedJSON, .html(200)])
func whatBecomesOfALookAtTheTokenFailsNoRead(_ fault: Fault) throws {
  try VaultScene.run(auth: given, time: ManualTime()) {
    $0.addToken("t", grant: VaultFakeGrant(ttl: 600))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    scene.fake.faults.add(fault, on: lookUp)
    #expect(try await scene.read("secret", "a") == "{}")
    // The daemon goes on, and asks aside.
    await scene.time.sleepers(1)
    pass(60, scene)
    await asked(lookUp, 1, scene)
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.provider.close(.ended)
  }
}

@Test func aGivenTokenIsLookedUpAsideAndRenewed() throws {
  try VaultScene.run(auth: given, time: ManualTime()) {
    $0.addToken("t", grant: VaultFakeGrant(ttl: 600))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    await scene.time.sleepers(1)
    pass(60, scene)
    await asked(lookUp, 1, scene)
    await scene.time.sleepers(1)
    // Two thirds of the 540 seconds that are left.
    pass(361, scene)
    await asked("POST /v1/auth/token/renew-self", 1, scene)
    await scene.time.sleepers(1)
    pass(300, scene)
    #expect(try await scene.read("secret", "a") == "{}")
    #expect(scene.fake.recorder.count(lookUp) == 1)
    await scene.provider.close(.ended)
    #expect(scene.fake.liveTokens == ["t"])
  }
}

@Test func aTokenThatMayNotLookItselfUpIsAskedAboutOnce() throws {
  try VaultScene.run(auth: given, time: ManualTime()) {
    $0.addToken("t", grant: VaultFakeGrant(ttl: 0))
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    scene.fake.faults.add(.status(403), on: lookUp)
    for _ in 0..<5 {
      #expect(try await scene.read("secret", "a") == "{}")
      pass(120, scene)
      await asked(lookUp, 1, scene)
    }
    #expect(scene.fake.recorder.count(lookUp) == 1)
  }
}

@Test func aGivenTokenThatItsPlaceReplacedIsReadAgainAfterARefusal() throws {
  let folder = try ScratchFolder()
  let file = try folder.write("alpha-1", as: "token")
  try VaultScene.run(auth: #"{"method": "static", "token_file": "\#(file)"}"#, time: ManualTime()) {
    $0.addToken("alpha-1")
    $0.put("secret", "a", "{}")
  } _: { (scene: VaultScene) async throws in
    #expect(try await scene.read("secret", "a") == "{}")
    scene.fake.revokeAllTokens()
    scene.fake.addToken("beta-2")
    let reads = scene.fake.recorder.count("GET /v1/secret/*")
    // The same token would be refused again.
    let failure = try await scene.failure("secret", "a")
    #expect(failure.hint?.contains("check the token first") == true, "\(failure.line)")
    #expect(scene.fake.recorder.count("GET /v1/secret/*") == reads + 1)
    _ = try folder.write("beta-2", as: "token")
    #expect(try await scene.read("secret", "a") == "{}")
  }
}

@Test func aRefusedPathOfAGoodTokenDoesNotBlameTheToken() throws {
  try VaultScene.run(auth: given, time: ManualTime()) {
    $0.addToken("t", grant: VaultFakeGrant(ttl: 600, allowed: ["secret/data/open"]))
  } _: { (scene: VaultScene) async throws in
    let failure = try await scene.failure("secret", "data/x")
    #expect(failure.hint?.contains("drop `data/`") == true, "\(failure.line)")
    await scene.provider.close(.ended)
  }
}
