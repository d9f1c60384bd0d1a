import ExecutionModel
import ProviderFakes
import ProviderKit
import SecretBytes
import TestSupport
import Testing

@testable import VaultProvider

/// What a later process of the agent does with the token and the leases of an earlier one.
@Suite(.timeLimit(.minutes(15))) struct VaultHandoverTests {
  private static let fields: [String: Int64] = ["engine_version": 1]
  private static let renewable = VaultFakeGrant(ttl: 3600)

  private static func prepared(
    _ grant: VaultFakeGrant = VaultFakeGrant(ttl: 3600)
  ) -> @Sendable (VaultFake) throws -> Void {
    {
      $0.addAppRole(roleID: "r", secretID: "s", grant: grant)
      $0.mountDatabase("database", leaseSeconds: 600)
    }
  }

  private static func reference(_ scene: VaultScene, _ name: String = "web") -> Reference {
    scene.reference("database", "creds/\(name)", fields)
  }

  /// A second process, with what the first one had when it was killed.
  private static func killed(_ scene: VaultScene, _ references: [Reference]) async throws -> VaultScene {
    let handover = try #require(await scene.provider.handover(references: references))
    let second = try scene.restarted()
    await second.provider.takeOver(handover)
    return second
  }

  @Test(arguments: [VaultFakeGrant(ttl: 3600), VaultScene.endless, VaultFakeGrant(ttl: 3600, isBatch: true)])
  func aRestartMakesNothingAnew(_ grant: VaultFakeGrant) throws {
    try VaultScene.run(time: ManualTime(), prepare: Self.prepared(grant)) { (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      let second = try await Self.killed(scene, [Self.reference(scene)])
      #expect(try await second.read("database", "creds/web", Self.fields) == first)
      #expect(second.logins == 1 && second.fake.liveTokens.count == 1 && second.fake.liveLeases.count == 1)
      #expect(second.fake.recorder.count("GET /v1/database/creds/web") == 1)
      await second.provider.close(.ended)
      #expect(second.fake.liveLeases.isEmpty)
    }
  }

  @Test func whereTheTokenIsGoneBothAreMadeAnew() throws {
    try VaultScene.run(time: ManualTime(), prepare: Self.prepared()) { (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      let second = try await Self.killed(scene, [Self.reference(scene)])
      scene.fake.revokeAllTokens()
      #expect(try await second.read("database", "creds/web", Self.fields) != first)
      #expect(second.logins == 2 && second.fake.liveLeases.count == 1)
    }
  }

  @Test func whereTheLeaseIsGoneItAloneIsMadeAnew() throws {
    try VaultScene.run(time: ManualTime(), prepare: Self.prepared()) { (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      let second = try await Self.killed(scene, [Self.reference(scene)])
      scene.fake.revokeAllLeases()
      #expect(try await second.read("database", "creds/web", Self.fields) != first)
      #expect(second.logins == 1 && second.fake.liveLeases.count == 1)
    }
  }

  private static func unrenewable(_ fake: VaultFake) {
    fake.addAppRole(roleID: "r", secretID: "s", grant: renewable)
    fake.mountDatabase("database", leaseSeconds: 600, isRenewable: false)
  }

  /// What a process that was not restarted would do: it reads such a one anew at its half.
  @Test func aLeaseThatCannotBeRenewedServesToItsHalf() throws {
    try VaultScene.run(time: ManualTime(), prepare: Self.unrenewable) { (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      scene.fake.advance(seconds: 200)
      let second = try await Self.killed(scene, [Self.reference(scene)])
      let fetched = await second.provider.fetch(references: [Self.reference(second)])
      let secret = try #require(try fetched.first?.get())
      #expect(secret.payload.unsafeString() == first)
      #expect(scene.fake.liveLeases.count == 1 && second.logins == 1)
      let expiry = try #require(secret.expiry)
      #expect(secret.fetchedAt.duration(to: expiry) == .seconds(600))
      #expect((.seconds(398)...(.seconds(400))).contains(second.time.now.duration(to: expiry)))
      // And over one more restart.
      let third = try await Self.killed(second, [Self.reference(second)])
      #expect(try await third.read("database", "creds/web", Self.fields) == first)
      scene.fake.advance(seconds: 150)
      let fourth = try await Self.killed(third, [Self.reference(third)])
      #expect(try await fourth.read("database", "creds/web", Self.fields) != first)
      #expect(scene.fake.liveLeases.count == 2 && fourth.logins == 1)
    }
  }

  @Test func aLeaseThatCannotBeRenewedAndIsGoneIsMadeAnew() throws {
    try VaultScene.run(time: ManualTime(), prepare: Self.unrenewable) { (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      let second = try await Self.killed(scene, [Self.reference(scene)])
      scene.fake.revokeAllLeases()
      let other = try await second.read("database", "creds/web", Self.fields)
      #expect(other != first)
      #expect(try await second.read("database", "creds/web", Self.fields) != other, "without a restart as ever")
      #expect(second.logins == 1)
    }
  }

  @Test func aServerThatCannotBeAskedCostsNeither() throws {
    try VaultScene.run(time: ManualTime(skipsSleeps: true), prepare: Self.prepared(VaultScene.endless)) {
      (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      let second = try await Self.killed(scene, [Self.reference(scene)])
      scene.fake.seal()
      #expect(try await second.failure("database", "creds/web", Self.fields).isRetriable)
      // Killed again before it could ask: the third process has it all the same.
      let third = try await Self.killed(second, [Self.reference(scene)])
      scene.fake.seal(false)
      scene.time.advance(by: .seconds(61))
      #expect(try await third.read("database", "creds/web", Self.fields) == first)
      #expect(third.logins == 1 && third.fake.liveLeases.count == 1)
    }
  }

  @Test func anOutageOfARenewalMakesNoSecondLease() throws {
    try VaultScene.run(prepare: Self.prepared(VaultScene.endless)) { (scene: VaultScene) async throws in
      let first = try await scene.read("database", "creds/web", Self.fields)
      scene.fake.seal()
      #expect(try await scene.failure("database", "creds/web", Self.fields).isRetriable)
      scene.fake.seal(false)
      #expect(try await scene.read("database", "creds/web", Self.fields) == first)
      #expect(scene.fake.liveLeases.count == 1)
    }
  }

  @Test func anExecutionHandsOverItsOwnLeasesAlone() throws {
    try VaultScene.run(prepare: Self.prepared(VaultScene.endless)) { (scene: VaultScene) async throws in
      _ = try await scene.read("database", "creds/web", Self.fields)
      _ = try await scene.read("database", "creds/other", Self.fields)
      let (web, other) = (Self.reference(scene), Self.reference(scene, "other"))
      let handover = try #require(await scene.provider.handover(references: [web]))
      #expect(VaultHandover(handover)?.leases.map(\.path) == ["database/creds/web"])
      let both = try #require(await scene.provider.handover(references: [other, web]))
      #expect(await scene.provider.handover(references: [web, other]) == both, "the same bytes for the same leases")
      scene.fake.put("secret", "a", "{}")
      let static1 = scene.reference("secret", "a")
      _ = await scene.provider.fetch(references: [static1])
      #expect(await scene.provider.handover(references: [static1]) == nil)
      // What one execution left and what another one did come together.
      let second = try scene.restarted()
      await second.provider.takeOver(handover)
      await second.provider.takeOver(both)
      _ = try await second.read("database", "creds/web", Self.fields)
      _ = try await second.read("database", "creds/other", Self.fields)
      #expect(scene.fake.liveLeases.count == 2 && scene.logins == 1)
    }
  }

  @Test(arguments: [
    "", "{}", "[]", #"{"leases":{}}"#, #"{"leases":[{}]}"#, #"{"leases":[],"token":{}}"#,
    #"{"leases":[],"token":null}"#,
    #"{"leases":[{"path":"a","id":"","granted":1,"renewable":true,"payload":""}]}"#,
    #"{"leases":[{"path":"a","id":"x","granted":-1,"renewable":true,"payload":""}]}"#,
    #"{"leases":[{"path":"a","id":"x","granted":9223372036854775807,"renewable":true,"payload":""}]}"#,
    #"{"leases":[{"path":"a","id":"x","granted":1,"payload":""}]}"#,
    #"{"leases":[],"token":{"value":"","batch":false,"renewable":true,"granted":1}}"#,
  ])
  func whatIsNoHandoverIsNotTaken(_ text: String) throws {
    #expect(VaultHandover(SecretBytes(text)) == nil)
  }
}
