import EventLoop
import Testing

struct TimeSourceTests {
  @Test func momentsSaturateAtTheEndsOfTime() {
    let first = Moment(nanoseconds: .min)
    let last = Moment(nanoseconds: .max)
    #expect(last.advanced(by: .nanoseconds(1)) == last)
    #expect(first.advanced(by: .nanoseconds(-1)) == first)
    #expect(Moment(nanoseconds: 5).advanced(by: .seconds(Int64.max)) == last)
    #expect(Moment(nanoseconds: -5).advanced(by: .seconds(Int64.min)) == first)
    #expect(first.advanced(by: .seconds(Int64.max)).nanoseconds == -1)
  }

  @Test func theSpanBetweenTheEndsOfTimeSaturates() {
    let first = Moment(nanoseconds: .min)
    let last = Moment(nanoseconds: .max)
    #expect(first.duration(to: last) == .nanoseconds(Int64.max))
    #expect(last.duration(to: first) == .nanoseconds(Int64.min))
    #expect(first.duration(to: first) == .zero)
    #expect(Moment(nanoseconds: 7).duration(to: Moment(nanoseconds: 4)) == .nanoseconds(-3))
  }

  @Test func durationsSaturateToSixtyFourBits() {
    #expect(Duration.seconds(Int64.max).saturatingNanoseconds == .max)
    #expect(Duration.seconds(Int64.min).saturatingNanoseconds == .min)
    #expect(Duration.nanoseconds(Int64.max).saturatingNanoseconds == .max)
    #expect(Duration.nanoseconds(Int64.min).saturatingNanoseconds == .min)
    #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).saturatingNanoseconds == .max)
    #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).saturatingNanoseconds == .min)
    #expect(Duration.milliseconds(-1500).saturatingNanoseconds == -1_500_000_000)
    #expect(Duration(secondsComponent: 0, attosecondsComponent: 999_999_999).saturatingNanoseconds == 0)
  }

  @Test func theClocksRunForward() throws {
    let loop = try EventLoop()
    let before = loop.now
    #expect(loop.now >= before)
    #expect(before.nanoseconds > 0)
    // 2024-01-01: a clock that counts anything but seconds since 1970 is far from it.
    #expect(loop.unixTime > 1_704_067_200)
    #expect(loop.unixTime < 10_000_000_000)
  }
}
