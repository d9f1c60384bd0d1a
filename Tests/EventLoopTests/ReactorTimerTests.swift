import Glibc
import Testing

@testable import EventLoop

private func isReady(_ reactor: Reactor, within milliseconds: Int32) -> Bool {
  var waited = pollfd(fd: reactor.descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&waited, 1, milliseconds) == 1
}

private func now() -> Moment {
  var time = timespec()
  clock_gettime(CLOCK_BOOTTIME, &time)
  return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// A timerfd that rings a nanosecond before the clock has come as far must ring again, or all timers sleep for ever.
@Test func aTimerThatRingsBeforeItsTimeRingsAgain() throws {
  let reactor = try Reactor()
  let timer = LoopTimer()
  let due = now().advanced(by: .milliseconds(1))
  reactor.schedule(timer, at: due)
  try #require(isReady(reactor, within: 10_000))
  let early = Moment(nanoseconds: due.nanoseconds - 1)
  reactor.dispatch(clock: { early })
  #expect(!timer.isOver)
  try #require(isReady(reactor, within: 10_000), "it never rings again")
  reactor.dispatch(clock: now)
  #expect(timer.isOver)
}

@Test func aTimerFiresByTheClockWhereNoDescriptorIsAsked() throws {
  let reactor = try Reactor()
  let timer = LoopTimer()
  reactor.schedule(timer, at: now().advanced(by: .seconds(3600)))
  reactor.dispatch(mayBeReady: false, clock: { now().advanced(by: .seconds(3601)) })
  #expect(timer.isOver)
}

/// Nothing is due, nothing is armed: the descriptor stays quiet.
@Test func aFiredTimerLeavesTheDescriptorQuiet() throws {
  let reactor = try Reactor()
  let timer = LoopTimer()
  reactor.schedule(timer, at: now())
  try #require(isReady(reactor, within: 10_000))
  reactor.dispatch(clock: now)
  #expect(timer.isOver)
  #expect(!isReady(reactor, within: 0))
}
