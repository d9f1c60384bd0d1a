import ProviderKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct LoginTests {
  @Test(arguments: ProviderUnderTest.remote)
  func aHundredFetchesMakeOneLogin(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await withTaskGroup { group in
        for number in Scene.numbers {
          group.addTask { await connected.read([number]) }
        }
      }
      #expect(scene.sent(.login) == 1)
      #expect(connected.metrics.counts.logins == 1)
      #expect(connected.metrics.counts.failedLogins == 0)
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aLoginIsRenewedBeforeItsEndWhileFetchesGoOn(_ type: ProviderUnderTest) throws {
    try Scene.run(type, standingStill: true) { scene in
      let connected = try scene.connect()
      await connected.read(0..<3)
      let before = connected.metrics.counts
      func isRenewed() -> Bool {
        let counts = connected.metrics.counts
        return counts.renewals + counts.logins > before.renewals + before.logins
      }
      // A minute and a half before the first login's end.
      scene.pass(.seconds(3510))
      var rounds = 0
      while !isRenewed(), rounds < 1000 {
        await connected.read(0..<3, "on the way to a renewal")
        rounds += 1
      }
      #expect(isRenewed(), "neither a renewal nor a login is counted")
      let logins = scene.sent(.login) + scene.sent(.renewal)
      #expect(logins == 2)
      // Past the first one's end nothing but the renewed one can be good.
      scene.pass(.seconds(180))
      await connected.read(0..<3, "after the first login's end")
      #expect(scene.sent(.login) + scene.sent(.renewal) == logins)
      #expect(connected.metrics.counts.failedRenewals == 0)
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aLoginThatIsRevokedIsReplacedOnce(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read(0..<30)
      #expect(scene.sent(.login) == 1)
      for round in 1...2 {
        scene.store.revokeLogins()
        await connected.read(0..<30, "after revocation \(round)")
        #expect(scene.sent(.login) == 1 + round)
      }
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aStoreThatGoesOnRefusingGetsOneReplacementAFetch(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read(0..<5)
      scene.wire.rule { request in type.store.refusal(of: request).map { .answered($0) } ?? .through }
      for round in 1...3 {
        let (logins, reads) = (scene.sent(.login), scene.sent(.value))
        let failures = await connected.fetch(0..<5).map(\.failure)
        #expect(failures.map { $0?.kind } == [.denied, .denied, .denied, .denied, .denied], "round \(round)")
        #expect(scene.sent(.login) - logins <= 1, "round \(round)")
        #expect(scene.sent(.value) - reads <= 10, "round \(round)")
      }
    }
  }

  @Test(arguments: ProviderUnderTest.remote)
  func aReportOfTheLoginFetchesNothing(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      let report = try await connected.provider.logIn()
      #expect(!report.identity.isEmpty && !report.identity.contains(Scene.secretMark))
      #expect(scene.sent(.login) == 1)
      #expect(scene.sent(.value) + scene.sent(.batch) == 0)
      await connected.read(0..<3)
      #expect(scene.sent(.login) == 1)
    }
  }
}
