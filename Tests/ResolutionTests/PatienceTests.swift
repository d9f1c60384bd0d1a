import EventLoop
import ProviderKit
import TestSupport
import Testing

@testable import Resolution

private func failure(
  _ kind: ProviderFailure.Class = .transient, passing isPassing: Bool = true, after retryAfter: Duration? = nil
) -> ProviderFailure {
  ProviderFailure(kind, connection: "p", retryAfter: retryAfter, isPassing: isPassing, "gone")
}

/// How often it is asked again, and the time that passed, where every answer is the same.
private func patience(
  with failures: [ProviderFailure], within limit: Duration
) async -> (rounds: Int, took: Duration) {
  let time = ManualTime(skipsSleeps: true)
  let start = time.now
  var patience = Patience(until: start.advanced(by: limit), on: time) { 0.5 }
  var rounds = 0
  while await patience.sitsOut(failures) {
    rounds += 1
  }
  return (rounds, start.duration(to: time.now))
}

@Test func aFailoverOfTenSecondsIsSatOut() async {
  let (rounds, took) = await patience(with: [failure()], within: .seconds(58))
  #expect(took >= .seconds(12) && took < .seconds(16))
  #expect((4...8).contains(rounds))
}

@Test(arguments: [
  [failure(passing: false)], [failure(.denied)], [failure(.missing)],
  // A generation is whole: what will pass is of no use without the rest.
  [failure(), failure(.denied)], [failure(after: .seconds(1)), failure(after: .seconds(60))],
  [failure(.throttled, after: .seconds(60))], [failure(.throttled, passing: false)], [],
])
func whatWillNotPassIsNotWaitedFor(_ failures: [ProviderFailure]) async {
  let (rounds, took) = await patience(with: failures, within: .seconds(58))
  #expect(rounds == 0 && took == .zero)
}

@Test func theLimitComesBeforePatience() async {
  let (_, took) = await patience(with: [failure()], within: .seconds(5))
  #expect(took < .seconds(5))
}

@Test func whatAStoreAsksForIsWaitedForAsLongAsItFits() async {
  let (rounds, took) = await patience(with: [failure(.throttled, after: .seconds(20))], within: .seconds(58))
  #expect(rounds == 2 && took == .seconds(40))
}

@Test func aWaitThatDoesNotFitIsTold() {
  let time = ManualTime()
  let patience = Patience(until: time.now.advanced(by: .seconds(58)), on: time)
  let told = patience.told(failure(.throttled, after: .seconds(3600)))
  #expect(told.hint == "it asks to wait 1h (Retry-After), and the time limit leaves 58s")
  #expect(patience.told(failure(.throttled, after: .seconds(5))).hint == nil)
  #expect(patience.told(failure(.denied)).hint == nil)
}

@Test func aStoreThatIsAwayIsAskedForOneOfThemUntilItIsBack() async {
  let time = ManualTime(skipsSleeps: true)
  let back = time.now.advanced(by: .seconds(10))
  var asked = 0
  let answers = await Patience.answers(to: Array(0..<300), until: time.now.advanced(by: .seconds(58)), on: time) {
    numbers in
    asked += numbers.count
    return numbers.map { time.now < back ? .failure(failure()) : .success($0) }
  }
  #expect(answers.compactMap { try? $0.get() } == Array(0..<300))
  #expect((600...615).contains(asked))
}

@Test func oneThatStaysAwayHoldsNoneOfTheOthersBack() async {
  let time = ManualTime(skipsSleeps: true)
  let start = time.now
  var rounds = 0
  let answers = await Patience.answers(to: Array(0..<5), until: start.advanced(by: .seconds(58)), on: time) { numbers in
    rounds += 1
    return numbers.map { rounds == 1 || $0 == 3 ? .failure(failure()) : .success($0) }
  }
  #expect(answers.map { (try? $0.get()) ?? -1 } == [0, 1, 2, -1, 4])
}
