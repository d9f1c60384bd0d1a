import EventLoop
import TestSupport
import Testing

@testable import ProviderKit

/// An outage of the login service stops no reads that what is held still serves. Grants live an hour: by a jitter of 0.5 they are due
/// after 2,610 seconds, and late in the last minute.
@Suite(.timeLimit(.minutes(15))) struct HeldLoginTests {
  private let login = ScriptedLogin()
  private var time: ManualTime { login.time }

  @Test func aDueLoginIsMadeAnewOnTheSide() async throws {
    let session = login.session()
    #expect(try await session.settled() == 1)
    time.advance(by: .seconds(2609))
    #expect(try await session.settled() == 1)
    #expect(login.logins == 1)
    time.advance(by: .seconds(1))
    #expect(try await session.number() == 1, "nobody waits for the new one")
    #expect(try await session.settled() == 2)
    #expect(login.logins == 2)
    #expect(login.metrics.counts.renewals == 1)
  }

  @Test func inTheLastMinuteCallersWaitForTheNewOne() async throws {
    let session = login.session()
    #expect(try await session.number() == 1)
    time.advance(by: .seconds(3540))
    #expect(try await session.number() == 2)
  }

  @Test(arguments: [(0.0, 300), (0.5, 450), (0.99, 597)])
  func anOutageIsLivedThroughPastTheEndWithPauses(_ random: Double, _ pause: Int) async throws {
    let session = login.session(random: random)
    _ = try await session.number()
    login.fails(.transient)
    time.advance(by: .seconds(3500))
    for round in 1...20 {
      #expect(try await session.settled() == 1)
      #expect(try await session.settled() == 1)
      #expect(login.logins == 1 + round, "once, and not again before the pause is over")
      time.advance(by: .seconds(pause - 1))
      #expect(try await session.settled() == 1)
      #expect(login.logins == 1 + round)
      time.advance(by: .seconds(1))
    }
    let last = try await session.current()
    #expect(last.isStale && last.hasEnded)
    await session.attempt?.value
    login.gives(life: .seconds(3600))
    time.advance(by: .seconds(600))
    #expect(try await session.number() == 1, "nobody waits for what has failed before")
    await session.attempt?.value
    let new = try await session.current()
    #expect(new.credential > 1 && !new.isStale && !new.hasEnded)
  }

  @Test(
    arguments: [
      (ProviderFailure.Class.transient, nil, nil), (.throttled, 429, .service), (.malformed, 200, .stranger),
      (.malformed, 200, .service), (.denied, 404, .node),
    ] as [(ProviderFailure.Class, Int?, ProviderFailure.Source?)])
  func whatMayHealIsLivedThrough(
    _ kind: ProviderFailure.Class, _ status: Int?, _ source: ProviderFailure.Source?
  ) async throws {
    let session = login.session()
    _ = try await session.number()
    login.fails(kind, status: status, from: source)
    for span in [2700, 2000] {
      time.advance(by: .seconds(span))
      #expect(try await session.settled() == 1)
    }
    #expect(login.logins == 3)
  }

  @Test(
    arguments: [
      // A refused login, a file that is not as it has to be, the node policy.
      (ProviderFailure.Class.denied, 400, .service), (.denied, 403, .service), (.denied, nil, .node),
      (.policy, nil, nil), (.missing, 404, .service),
    ] as [(ProviderFailure.Class, Int?, ProviderFailure.Source?)])
  func whatOnlyAPersonCanMendIsNotMasked(
    _ kind: ProviderFailure.Class, _ status: Int?, _ source: ProviderFailure.Source?
  ) async throws {
    for span in [2700, 4000] {
      let login = ScriptedLogin()
      let session = login.session()
      _ = try await session.number()
      login.fails(kind, status: status, from: source)
      login.time.advance(by: .seconds(span))
      _ = try? await session.current()
      await session.attempt?.value
      #expect(try await session.failure()?.kind == kind)
      #expect(login.logins == 2, "not with each call")
      // Mended, it is taken up soon.
      login.gives(life: .seconds(3600))
      login.time.advance(by: .seconds(1))
      #expect(try await session.number() == 3)
    }
  }

  @Test func anOutageAfterARefusedLoginMasksNothing() async throws {
    let session = login.session()
    _ = try await session.number()
    login.fails(.denied, status: 400, from: .service)
    time.advance(by: .seconds(4000))
    #expect(try await session.failure()?.kind == .denied)
    login.fails(.transient)
    time.advance(by: .seconds(60))
    #expect(try await session.failure()?.kind == .transient, "what was given up does not come back")
  }

  @Test func whatTheServiceRefusedNeverServesAgain() async throws {
    let session = login.session()
    let refused = try await session.current()
    login.fails(.transient)
    time.advance(by: .seconds(4000))
    #expect(try await session.number() == 1)
    #expect(login.metrics.counts.staleLogins == 1)
    for _ in 0..<10 {
      await #expect(throws: ProviderFailure.self) { try await session.replacing(refused) }
    }
    #expect(login.logins == 3, "one fresh login however many were refused")
    #expect(login.metrics.counts.staleLogins == 0, "nothing is held")
    login.gives(life: .seconds(3600))
    time.advance(by: .seconds(2))
    #expect(try await session.number() == 4)
  }

  @Test func aRefusalWhileARenewalIsUnderWayTakesItsLogin() async throws {
    let session = login.session()
    let refused = try await session.current()
    login.takes(.seconds(3))
    time.advance(by: .seconds(2700))
    #expect(try await session.number() == 1)
    await time.sleepers(1)
    let replaced = Task { try await session.replacing(refused).credential }
    while await session.held != nil {
      await Task.yield()
    }
    time.advance(by: .seconds(3))
    #expect(try await replaced.value == 2)
    #expect(login.logins == 2)
  }

  @Test func aRetryAfterIsWaitedFor() async throws {
    let session = login.session()
    _ = try await session.number()
    login.fails(.throttled, status: 429, retryAfter: .seconds(1200))
    time.advance(by: .seconds(2700))
    #expect(try await session.settled() == 1)
    time.advance(by: .seconds(1199))
    #expect(try await session.settled() == 1)
    #expect(login.logins == 2)
    time.advance(by: .seconds(1))
    #expect(try await session.settled() == 1)
    #expect(login.logins == 3)
  }

  @Test func whoGivesUpWhileALoginIsLateTakesWhatIsHeld() async throws {
    let session = login.session()
    _ = try await session.number()
    login.takes(.seconds(30))
    time.advance(by: .seconds(3590))
    let waiter = Task { try await session.number() }
    await time.sleepers(1)
    waiter.cancel()
    #expect(try await waiter.value == 1)
    time.advance(by: .seconds(30))
    #expect(try await session.settled() == 2, "the login went on")
  }

  @Test func credentialsThatSeemToHaveEndedServeUntilTheNextAreThere() async throws {
    login.gives(life: .seconds(-10))
    let session = login.session()
    #expect(try await session.settled() == 1)
    #expect(login.metrics.counts.staleLogins == 1)
    login.gives(life: .seconds(3600))
    time.advance(by: .seconds(449))
    #expect(try await session.settled() == 1)
    time.advance(by: .seconds(1))
    #expect(try await session.settled() == 2)
    #expect(login.metrics.counts.staleLogins == 0)
  }

  // MARK: - Metrics

  @Test func theMetricsTellOfALoginThatServesOn() async throws {
    let services = ProviderServices.testing(
      transport: { _ in ScriptedTransport { _, _ in .failure(.init(kind: .connect, host: "c", detail: "")) } })
    let user = OpenConnection(named: "user", services: services)
    var session: Session<Int>? = login.session()
    func use() async throws {
      let session = try #require(session)
      _ = try await user.login(to: session)
      await session.attempt?.value
    }
    try await use()
    login.fails(.transient)
    time.advance(by: .seconds(2700))
    try await use()
    #expect(login.metrics.counts.staleLogins == 1)
    #expect(login.metrics.counts.failedRenewals == 1)
    #expect(user.metrics.counts.staleLoginUses == 0, "it was not known yet")
    for _ in 0..<3 {
      try await use()
    }
    time.advance(by: .seconds(900))
    for _ in 0..<4 {
      try await use()
    }
    #expect(user.metrics.counts.staleLoginUses == 3)
    #expect(user.metrics.counts.endedLoginUses == 4)
    #expect(login.metrics.counts.staleLogins == 1)
    session = nil
    // Nobody holds it any more.
    while login.metrics.counts.staleLogins != 0 {
      await Task.yield()
    }
  }

  // MARK: - What ends for certain

  @Test func whatEndsForCertainServesNoLonger() async throws {
    let session = login.lengtheningSession(isLengthened: false)
    #expect(try await session.number() == 1)
    login.fails(.transient)
    time.advance(by: .seconds(3599))
    #expect(try await session.settled() == 1)
    time.advance(by: .seconds(1))
    #expect(try await session.failure()?.kind == .transient)
    login.gives(life: .seconds(3600))
    time.advance(by: .seconds(2))
    #expect(try await session.number() == login.logins)
  }

  @Test func whatCannotBeLengthenedInAnOutageServesToItsEnd() async throws {
    let outage = ProviderFailure(.transient, connection: "c", "away")
    login.lengthens(.failure(outage))
    let session = login.lengtheningSession()
    #expect(try await session.number() == 1)
    login.fails(.transient)
    for _ in 0..<3590 {
      // The timer is set again once an attempt is over.
      await time.sleepers(1)
      time.advance(by: .seconds(1))
      #expect(try await session.number() == 1)
    }
    #expect((4...20).contains(login.lengthened), "\(login.lengthened)")
    #expect(login.logins == 1)
    #expect(login.metrics.counts.staleLogins == 1)
    time.advance(by: .seconds(10))
    #expect(try await session.failure()?.kind == .transient)
    #expect(login.metrics.counts.staleLogins == 0)
  }

  @Test func whatIsRefusedALongerLifeIsHadAnew() async throws {
    login.lengthens(.failure(ProviderFailure(.denied, connection: "c", status: 403, "no")))
    let session = login.lengtheningSession()
    #expect(try await session.number() == 1)
    await time.sleepers(1)
    time.advance(by: .seconds(2700))
    while login.logins < 2 {
      await Task.yield()
    }
    await session.attempt?.value
    #expect(try await session.number() == 2)
    // And where that is refused as well, it is told.
    login.fails(.denied, status: 400, from: .service)
    await time.sleepers(1)
    time.advance(by: .seconds(2700))
    while login.logins < 3 {
      await Task.yield()
    }
    await session.attempt?.value
    #expect(try await session.failure()?.status == 400)
  }

  @Test func whatIsRefusedALongerLifeInAnOutageOfTheLoginServesToItsEnd() async throws {
    login.lengthens(.failure(ProviderFailure(.denied, connection: "c", status: 403, "no")))
    let session = login.lengtheningSession()
    #expect(try await session.number() == 1)
    login.fails(.transient)
    await time.sleepers(1)
    time.advance(by: .seconds(2700))
    while login.logins < 2 {
      await Task.yield()
    }
    await session.attempt?.value
    #expect(try await session.number() == 1)
  }

  @Test func aLongerLifeIsTheSameLogin() async throws {
    login.lengthens(.success(.seconds(3600)))
    let session = login.lengtheningSession()
    let first = try await session.current()
    for _ in 0..<3 {
      await time.sleepers(1)
      let before = login.lengthened
      time.advance(by: .seconds(2700))
      while login.lengthened == before {
        await Task.yield()
      }
      await session.attempt?.value
    }
    #expect(try await session.current().generation == first.generation)
    #expect(login.logins == 1)
    await session.end()
  }
}
