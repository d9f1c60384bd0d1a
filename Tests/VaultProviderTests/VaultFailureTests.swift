import EventLoop
import ProviderFakes
import ProviderKit
import TestSupport
import Testing
import VaultProvider

private let login = "POST /v1/auth/approle/login"

@Test(arguments: [
  Fault.status(412), .status(472), .status(473), .status(500), .status(502), .status(503), .reset, .truncated,
])
func aLoginIsTriedAgain(_ fault: Fault) throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.put("secret", "a", "{}")
    scene.fake.faults.add(fault, on: login, times: 3)
    #expect(try await scene.read("secret", "a") == "{}")
    #expect(scene.logins == 4)
  }
}

@Test func aSecretIDThatMayBeUsedUpIsToldOf() throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.faults.add(.status(500), on: login, times: 1)
    scene.fake.faults.add(.status(400), on: login, times: 1)
    let failure = try await scene.failure("secret", "a")
    #expect(failure.kind == .denied && failure.status == 400)
    #expect(failure.message.contains("may have used up a secret id"), "\(failure.line)")
    #expect(failure.message.contains("(status 500)"), "\(failure.line)")
  }
}

@Test(arguments: [(Fault.status(500), "500"), (.status(403), "403"), (.reset, "ended early"), (.garbage, "HTTP")])
func aLoginThatFailsIsNamedWithItsAddress(_ fault: Fault, _ words: String) throws {
  try VaultScene.run { (scene: VaultScene) async throws in
    scene.fake.faults.add(fault, on: login)
    let results = await scene.provider.fetch(references: (0..<3).map { scene.reference("secret", "s\($0)") })
    let lines = Set(results.compactMap { $0.failure?.line })
    #expect(lines.count == 1, "\(lines)")
    #expect(lines.first?.contains("approle login at \(scene.fake.address): ") == true, "\(lines)")
    #expect(lines.first?.contains(words) == true && lines.first?.contains("secret/data") == false, "\(lines)")
  }
}

@Test func leavingSendsAllAtOnceAndOnceEach() throws {
  try VaultScene.run {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultScene.endless)
    $0.mountDatabase("database", leaseSeconds: 60)
  } _: { (scene: VaultScene) async throws in
    for number in 0..<5 {
      _ = try await scene.read("database", "creds/web\(number)", ["engine_version": 1])
    }
    scene.fake.faults.add(.status(503), on: "* /v1/*/revoke*")
    await scene.provider.close(.ended)
    #expect(scene.fake.recorder.count("PUT /v1/sys/leases/revoke") == 5)
    #expect(scene.fake.recorder.count("POST /v1/auth/token/revoke-self") == 1)
  }
}

@Test func aSilentServerIsLeftWithinTheWorksLimit() throws {
  try VaultScene.run {
    $0.addAppRole(roleID: "r", secretID: "s", grant: VaultScene.endless)
    $0.mountDatabase("database", leaseSeconds: 60)
  } _: { (scene: VaultScene) async throws in
    for number in 0..<3 {
      _ = try await scene.read("database", "creds/web\(number)", ["engine_version": 1])
    }
    scene.fake.faults.add(.hang, on: "*")
    let clock = ContinuousClock()
    let took = await clock.measure {
      await WorkLimit.$end.withValue(scene.time.now.advanced(by: .milliseconds(200))) {
        await scene.provider.close(.ended)
      }
    }
    #expect(took < .seconds(2), "\(took)")
  }
}
