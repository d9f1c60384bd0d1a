import ProviderKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct RetryTests {
  /// 100 fetches of one value each: as many first attempts, the reserve, and a fifth.
  private static let mostAttempts = 100 + Int(RetryBudget.reserve) + 20

  @Test(arguments: ProviderUnderTest.remote)
  func aStoreThatFailsGetsNoMoreThanTheBudgetOfRetries(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read([0])
      scene.wire.forget()
      scene.wire.rule { type.store.part(of: $0).readsValues ? .answered(.json(500, "{}")) : .through }
      for number in Scene.numbers {
        let failures = await connected.fetch([number]).map { $0.failure?.kind }
        #expect(failures == [.transient])
      }
      #expect(scene.wire.sent.count >= 100)
      #expect(scene.wire.sent.count <= Self.mostAttempts)
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aStoreThatFailsAHundredAtOnceGetsNoMoreThanTheBudgetOfRetries(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read([0])
      scene.wire.forget()
      scene.wire.rule { type.store.part(of: $0).readsValues ? .answered(.json(500, "{}")) : .through }
      await withTaskGroup { group in
        for number in Scene.numbers {
          group.addTask { _ = await connected.fetch([number]) }
        }
      }
      #expect(scene.wire.sent.count <= Self.mostAttempts)
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func loginsThatFailCountAgainstTheSameBudget(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      scene.wire.rule { _ in .answered(.json(500, "{}")) }
      for number in Scene.numbers {
        let failures = await connected.fetch([number]).map { $0.failure?.kind }
        #expect(failures == [.transient])
        // Past the time for which a failed login is not tried again.
        scene.pass(.seconds(120))
      }
      #expect(scene.wire.sent.count >= 100)
      #expect(scene.wire.sent.count <= Self.mostAttempts)
    }
  }
}
