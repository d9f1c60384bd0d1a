import EventLoop
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

private let login = "POST /v1/auth/approle/login"
private let renewal = "POST /v1/auth/token/renew-self"

/// Logins and renewals fail, while reads with a token that lives are answered.
@Suite(.timeLimit(.minutes(15))) struct VaultOutageTests {
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

  /// A proxy's page is no refusal, and is not tried again within a call, so that no clock has to be moved for it.
  @Test func aTokenThatCannotBeRenewedServesUntilItReallyEnds() throws {
    try VaultScene.run(time: ManualTime()) {
      $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 60))
      $0.put("secret", "a", "{}")
    } _: { (scene: VaultScene) async throws in
      #expect(try await scene.read("secret", "a") == "{}")
      scene.fake.faults.add(.html(200), on: renewal)
      scene.fake.faults.add(.html(200), on: login)
      await scene.time.sleepers(1)
      // Renewed at two thirds of its life; then at a third of what is left, again and again.
      for (number, seconds) in [39, 8, 5, 4, 2].enumerated() {
        pass(seconds, scene)
        await asked(renewal, number + 1, scene)
        await scene.time.sleepers(1)
        #expect(try await scene.read("secret", "a") == "{}")
      }
      #expect(scene.logins == 1)
      pass(2, scene)
      let failure = try await scene.failure("secret", "a")
      #expect(failure.kind == .malformed && failure.reference == nil, "\(failure.line)")
      #expect(failure.line.contains("approle login at \(scene.fake.address)"), "\(failure.line)")
      #expect(scene.logins == 2)
      scene.fake.faults.clear()
      scene.time.advance(by: .seconds(60))
      #expect(try await scene.read("secret", "a") == "{}")
      await scene.provider.close(.ended)
    }
  }

  @Test(arguments: [Fault.status(503), .reset, .retryAfter(status: 429, seconds: 5)])
  func aBatchTokenServesUntilItReallyEnds(_ fault: Fault) throws {
    try VaultScene.run {
      $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 7200, isBatch: true))
      $0.put("secret", "a", "{}")
    } _: { (scene: VaultScene) async throws in
      let start = scene.time.now
      func passed() -> Int64 { start.duration(to: scene.time.now).components.seconds }
      #expect(try await scene.read("secret", "a") == "{}")
      scene.fake.faults.add(fault, on: login)
      while passed() < 7100 {
        #expect(try await scene.read("secret", "a") == "{}", "after \(passed()) s")
        pass(20, scene)
      }
      #expect(scene.logins > 2, "a new one was tried for")
      pass(200, scene)
      let failure = try await scene.failure("secret", "a")
      #expect(failure.isRetriable && failure.status != 403, "\(failure.line)")
      #expect(failure.line.contains("approle login at \(scene.fake.address)"), "\(failure.line)")
      scene.fake.faults.clear()
      pass(60, scene)
      #expect(try await scene.read("secret", "a") == "{}")
    }
  }

  @Test func aRenewalThatIsRefusedIsFollowedByALogin() throws {
    try VaultScene.run(time: ManualTime()) {
      $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 60))
      $0.put("secret", "a", "{}")
    } _: { (scene: VaultScene) async throws in
      #expect(try await scene.read("secret", "a") == "{}")
      scene.fake.faults.add(.reply(status: 403, body: #"{"errors": ["permission denied"]}"#), on: renewal)
      await scene.time.sleepers(1)
      pass(41, scene)
      await asked(login, 2, scene)
      pass(30, scene)
      #expect(try await scene.read("secret", "a") == "{}", "past the first one's end")
      #expect(scene.logins == 2)
      await scene.provider.close(.ended)
    }
  }

  @Test func aLoginThatIsRefusedIsNotMaskedByTheTokenThatIsHeld() throws {
    try VaultScene.run {
      $0.addAppRole(roleID: "r", secretID: "s", grant: VaultFakeGrant(ttl: 7200, isBatch: true))
      $0.put("secret", "a", "{}")
    } _: { (scene: VaultScene) async throws in
      #expect(try await scene.read("secret", "a") == "{}")
      scene.fake.faults.add(.reply(status: 400, body: #"{"errors": ["invalid role or secret ID"]}"#), on: login)
      pass(7170, scene)
      let failure = try await scene.failure("secret", "a")
      #expect(failure.kind == .denied && failure.line.contains("invalid role or secret ID"), "\(failure.line)")
    }
  }
}
