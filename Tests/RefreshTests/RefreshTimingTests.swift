import EventLoop
import ExecutionModel
import TestSupport
import Testing

@testable import Refresh

@Suite struct RefreshTimingTests {
  @Test func everyMomentOfTheGridIsOneIntervalAfterTheLast() {
    let timing = RefreshTiming(interval: .seconds(60), seed: "node\np\nkey")
    var moment = Moment(nanoseconds: 123_456_789)
    let first = timing.next(after: moment)
    #expect(moment.duration(to: first) > .zero && moment.duration(to: first) <= .seconds(60))
    moment = first
    for _ in 0..<100 {
      let next = timing.next(after: moment)
      #expect(moment.duration(to: next) == .seconds(60))
      moment = next
    }
  }

  @Test func aFleetOfNodesSpreadsOverTheInterval() {
    var tenths = [Int](repeating: 0, count: 10)
    for node in 0..<1000 {
      let phase = RefreshTiming(interval: .seconds(300), seed: "edge-\(node)\nvault\nsecret/web/db").phase
      tenths[Int(phase / 30_000_000_000)] += 1
    }
    // Evenly spread, each tenth would have 100.
    #expect(tenths.allSatisfy { (60...140).contains($0) }, "\(tenths)")
  }

  @Test func thePhaseIsTheSameAfterARestart() {
    let one = RefreshTiming(interval: .seconds(300), seed: "a")
    #expect(one == RefreshTiming(interval: .seconds(300), seed: "a"))
    #expect(one.phase != RefreshTiming(interval: .seconds(300), seed: "b").phase)
  }

  /// A fetch of an hourly grid may join a batch six minutes early; if the interval becomes five seconds meanwhile, those are not waited
  /// for.
  @DaemonActor @Test func anIntervalThatBecomesShorterDuringAFetchHoldsAtOnce() throws {
    let connection = try ProviderConnection.testing(
      #"{"provider": "scripted", "store": "none"}"#, by: ScriptedProvider.descriptor)
    let tracked = TrackedReference(connection.reference(["key": "k"]))
    #expect(tracked.own("e", every: .seconds(5)))
    tracked.timing = RefreshTiming(interval: .seconds(3600), seed: "x")
    let now = Moment(nanoseconds: 1_000_000_000_000_000)
    let served = now.advanced(by: .seconds(300))
    let hourly = try #require(tracked.dueAfterSuccess(at: now, served: served))
    #expect(served < hourly && hourly <= served.advanced(by: .seconds(3600)))
    tracked.timing = RefreshTiming(interval: .seconds(5), seed: "x")
    let soon = try #require(tracked.dueAfterSuccess(at: now, served: served))
    #expect(now < soon && soon <= now.advanced(by: .seconds(5)))
  }

  @Test(arguments: [Int64.min, -1, 0, 1, Int64.max - 1, Int64.max])
  func theEndsOfTimeAreNoTrap(_ nanoseconds: Int64) {
    for interval in [Duration.zero, .nanoseconds(1), .seconds(1), .nanoseconds(Int64.max)] {
      let timing = RefreshTiming(interval: interval, seed: "x")
      let moment = Moment(nanoseconds: nanoseconds)
      #expect(timing.next(after: moment) >= moment)
    }
  }
}
