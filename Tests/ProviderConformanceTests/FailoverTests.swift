import EventLoop
import HTTPTransport
import ProviderKit
import TestSupport
import Testing

/// A store that is gone for ten seconds is there for who asks again after a pause, as `resolve` does.
@Suite(.timeLimit(.minutes(15))) struct FailoverTests {
  struct Outage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let way: Wire.Way

    static let all = [
      Outage(testDescription: "unavailable", way: .answered(.json(503, "{}"))),
      Outage(testDescription: "a server's fault", way: .answered(.json(500, "{}"))),
      Outage(testDescription: "a gateway's fault", way: .answered(.json(502, "<html></html>"))),
      Outage(testDescription: "refused", way: .failed(.connect)),
      Outage(testDescription: "reset", way: .failed(.interrupted)),
      Outage(testDescription: "late", way: .failed(.timedOut(.waiting))),
    ]
  }

  private static func survive(_ outage: Outage, _ connected: Connected, _ scene: Scene) async {
    let time = scene.time
    let end = time.now.advanced(by: .seconds(10))
    scene.wire.rule { _ in time.now < end ? outage.way : .through }
    var results = await connected.fetch(0..<3)
    while results.contains(where: { $0.failure != nil }), time.now < end.advanced(by: .seconds(3)) {
      #expect(results.compactMap(\.failure).allSatisfy { $0.isRetriable && $0.isPassing }, "\(results)")
      // What a login that failed is not tried again for.
      scene.pass(.seconds(2))
      results = await connected.fetch(0..<3)
    }
    #expect(results.allSatisfy { $0.failure == nil }, "\(results.compactMap(\.failure))")
  }

  @Test(arguments: ProviderUnderTest.remote, Outage.all)
  func aLoginSurvivesAFailover(_ type: ProviderUnderTest, _ outage: Outage) throws {
    try Scene.run(type) { scene in
      await Self.survive(outage, try scene.connect(), scene)
    }
  }

  @Test(arguments: ProviderUnderTest.remote, Outage.all)
  func aReadSurvivesAFailover(_ type: ProviderUnderTest, _ outage: Outage) throws {
    try Scene.run(type) { scene in
      let connected = try scene.connect()
      await connected.read(0..<3)
      await Self.survive(outage, connected, scene)
    }
  }

  @Test(arguments: ProviderUnderTest.withMachineLogin, Outage.all)
  func aMachinesLoginSurvivesAFailover(_ type: ProviderUnderTest, _ outage: Outage) throws {
    for auth in type.machineLogins {
      try Scene.run(type) { scene in
        await Self.survive(outage, try scene.connect(auth: auth), scene)
      }
    }
  }

  /// Whoever waits for a login asked for something else.
  @Test(arguments: ProviderUnderTest.remote)
  func aLoginThatFailsIsNamedAndTheSameForAllThatWaited(_ type: ProviderUnderTest) throws {
    try Scene.run(type) { scene in
      scene.wire.rule { type.store.part(of: $0) == .login ? .failed(.connect) : .through }
      let failures = await (try scene.connect()).fetch(0..<3).compactMap(\.failure)
      #expect(failures.count == 3 && Set(failures.map { $0.about(nil).line }).count == 1, "\(failures)")
      #expect(!type.hasNames || failures.allSatisfy { $0.reference == nil }, "\(failures)")
    }
  }
}
