import EventLoop
import ProviderKit
import Synchronization
import TestSupport
import Testing

/// A login that counts, waits for its gate where it has one, and fails while told to.
private final class CountedLogin: Sendable {
  let count = Mutex(0)
  let fails = Mutex(false)
  let time: ManualTime
  let lifetime: Duration?
  let holds: Bool

  init(time: ManualTime, lifetime: Duration? = nil, holds: Bool = false) {
    self.time = time
    self.lifetime = lifetime
    self.holds = holds
  }

  func session() -> Session<Int> {
    Session(
      over: OpenConnection(
        named: "c",
        services: .testing(transport: { _ in ScriptedTransport { _, _ in fatalError() } }, time: time))
    ) {
      () async throws(ProviderFailure) in
      let number = self.count.withLock { count in
        count += 1
        return count
      }
      if self.holds {
        do throws(CancellationError) {
          try await self.time.sleep(for: .seconds(3))
        } catch {
          throw FailureMaker(connection: "c").make(.transient, "cancelled while logging in")
        }
      }
      guard !self.fails.withLock({ $0 }) else {
        throw FailureMaker(connection: "c").make(.denied, "wrong password")
      }
      return .init(credential: number, until: self.lifetime.map { self.time.now.advanced(by: $0) })
    }
  }

  var logins: Int { count.withLock { $0 } }
}

@Test func aThousandWaitersMakeOneLogin() async throws {
  let time = ManualTime()
  let login = CountedLogin(time: time, holds: true)
  let session = login.session()
  try await withThrowingTaskGroup(of: Int.self) { group in
    for _ in 0..<1000 {
      group.addTask { try await session.current().credential }
    }
    await time.sleepers(1)
    time.advance(by: .seconds(3))
    for try await credential in group {
      #expect(credential == 1)
    }
  }
  #expect(login.logins == 1)
}

@Test func aLoginIsMadeAnewWhenItsTimeIsOver() async throws {
  let time = ManualTime()
  let login = CountedLogin(time: time, lifetime: .seconds(60))
  let session = login.session()
  #expect(try await session.current().credential == 1)
  time.advance(by: .seconds(59))
  #expect(try await session.current().credential == 1)
  time.advance(by: .seconds(1))
  #expect(try await session.current().credential == 2)
}

@Test func oneRefusalSeenByManyMakesOneNewLogin() async throws {
  let login = CountedLogin(time: ManualTime())
  let session = login.session()
  let refused = try await session.current()
  for _ in 0..<10 {
    #expect(try await session.replacing(refused).credential == 2)
  }
  #expect(login.logins == 2)
}

@Test func aFailedLoginIsNotRepeatedAtOnce() async throws {
  let time = ManualTime()
  let login = CountedLogin(time: time)
  login.fails.withLock { $0 = true }
  let session = login.session()
  for _ in 0..<100 {
    await #expect(throws: ProviderFailure.self) { try await session.current() }
  }
  #expect(login.logins == 1)
  time.advance(by: .seconds(1))
  await #expect(throws: ProviderFailure.self) { try await session.current() }
  #expect(login.logins == 2)
  time.advance(by: .seconds(1))
  await #expect(throws: ProviderFailure.self) { try await session.current() }
  #expect(login.logins == 2)
  login.fails.withLock { $0 = false }
  time.advance(by: .seconds(1))
  #expect(try await session.current().credential == 3)
}

@Test func aCancelledWaiterLeavesAndTheOthersKeepTheLogin() async throws {
  let time = ManualTime()
  let login = CountedLogin(time: time, holds: true)
  let session = login.session()
  let staying = Task { try await session.current().credential }
  await time.sleepers(1)
  let leaving = Task { try await session.current().credential }
  leaving.cancel()
  await #expect(throws: ProviderFailure.self) { try await leaving.value }
  time.advance(by: .seconds(3))
  #expect(try await staying.value == 1)
}

@Test func theLastWaiterThatLeavesEndsTheLogin() async throws {
  let time = ManualTime()
  let session = CountedLogin(time: time, holds: true).session()
  let waiter = Task { try await session.current().credential }
  await time.sleepers(1)
  waiter.cancel()
  let failure = await #expect(throws: ProviderFailure.self) { try await waiter.value }
  #expect(failure?.message == "cancelled while logging in")
}
