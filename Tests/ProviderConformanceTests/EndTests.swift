import EventLoop
import ProviderKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct EndTests {
  @Test(arguments: ProviderUnderTest.all)
  func closingTwiceDoesNoHarm(_ type: ProviderUnderTest) throws {
    try Scene.run(type, standingStill: true) { scene in
      let connected = try scene.connect()
      await connected.read(0..<3)
      await connected.provider.close(.ended)
      let sent = scene.wire.sent.count
      await connected.provider.close(.ended)
      await connected.provider.close(.handedOver)
      #expect(scene.wire.sent.count == sent)
      // Whatever becomes of a fetch now, it ends.
      #expect(await connected.fetch(0..<3).count == 3)
      await connected.provider.close(.ended)
    }
  }

  @Test(arguments: ProviderUnderTest.all)
  func closingAConnectionThatWasNeverUsedSendsNothing(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      await (try scene.connect()).provider.close(.ended)
      #expect(scene.wire.sent.isEmpty)
    }
  }

  @Test(arguments: ProviderUnderTest.revoking)
  func theLoginIsRevokedAtTheEnd(_ type: ProviderUnderTest) throws {
    try Scene.run(type, standingStill: true) { scene in
      let connected = try scene.connect()
      await connected.read(0..<3)
      #expect(scene.store.openLogins == 1)
      await connected.provider.close(.ended)
      #expect(scene.store.openLogins == 0)
      #expect(scene.sent(.revocation) == 1)
    }
  }

  @Test(arguments: ProviderUnderTest.revoking)
  func aRevocationIsOneShortAttempt(_ type: ProviderUnderTest) throws {
    try Scene.run(type, standingStill: true) { scene in
      for (limit, most) in [(nil, .seconds(2)), (.seconds(1), .seconds(1))] as [(Duration?, Duration)] {
        let connected = try scene.connect()
        await connected.read(0..<3)
        scene.wire.forget()
        scene.wire.rule { type.store.part(of: $0) == .revocation ? .answered(.json(503, "{}")) : .through }
        await WorkLimit.$end.withValue(limit.map { scene.time.now.advanced(by: $0) }) {
          await connected.provider.close(.ended)
        }
        #expect(scene.wire.sent.count == 1)
        #expect(scene.wire.requests.allSatisfy { $0.timeout <= most })
        scene.wire.calm()
      }
    }
  }

  @Test(arguments: ProviderUnderTest.revoking)
  func aRevocationThatFailsEndsTheConnectionAllTheSame(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read(0..<3)
      scene.wire.rule { type.store.part(of: $0) == .revocation ? .answered(.json(500, "{}")) : .through }
      await connected.provider.close(.ended)
      await connected.provider.close(.ended)
      #expect(await connected.fetch(0..<3).count == 3)
    }
  }
}
