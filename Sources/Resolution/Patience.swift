import EventLoop
import ProviderKit

/// How long one resolve goes on asking, within its limit: a store's failover is sat out, and what a store asks to wait for is waited
/// for. The daemon's scheduler has a patience of its own.
struct Patience {
  /// How long after the first failure it is asked again; a failover is over by then.
  static let failover: Duration = .seconds(12)
  /// Between two times, and as long again at random at most: no sooner than a login that failed is tried again.
  private static let pauses: [Duration] = [.seconds(1), .seconds(2)]

  private let time: any TimeSource
  /// Of the work.
  private let end: Moment
  private let random: @Sendable () -> Double
  private var firstFailure: Moment?
  private var round = 0

  init(
    until end: Moment, on time: any TimeSource,
    random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
  ) {
    self.end = end
    self.time = time
    self.random = random
  }

  /// Waits until what failed may be asked for again.
  ///
  /// - Returns: whether it is of use. It is not where one of the failures will not pass within the limit, since a generation is whole.
  mutating func sitsOut(_ failures: [ProviderFailure]) async -> Bool {
    let now = time.now
    let first = firstFailure ?? now
    firstFailure = first
    let own = Self.pauses[min(round, Self.pauses.count - 1)] + .seconds(1) * random()
    round += 1
    var longest: Duration = .zero
    for failure in failures {
      guard let pause = Self.pause(after: failure, own, isEarly: first.duration(to: now) < Self.failover),
        pause < now.duration(to: end)
      else {
        return false
      }
      longest = max(longest, pause)
    }
    guard longest > .zero else {
      return false
    }
    return (try? await time.sleep(for: longest)) != nil
  }

  private static func pause(after failure: ProviderFailure, _ own: Duration, isEarly: Bool) -> Duration? {
    guard failure.isRetriable else {
      return nil
    }
    if let asked = failure.retryAfter {
      return max(asked, .milliseconds(100))
    }
    return failure.isPassing && isEarly ? own : nil
  }

  /// Says so where the store asks to wait longer than the limit lets.
  func told(_ failure: ProviderFailure) -> ProviderFailure {
    let left = time.now.duration(to: end)
    guard failure.isRetriable, let asked = failure.retryAfter, asked >= left else {
      return failure
    }
    return failure.outlasting(left)
  }
}

extension Patience {
  /// Asks, and asks again for what failed as long as it is of use.
  static func answers<Question, Answer>(
    to questions: [Question], until end: Moment, on time: any TimeSource,
    _ ask: ([Question]) async -> [Result<Answer, ProviderFailure>]
  ) async -> [Result<Answer, ProviderFailure>] {
    var answers = await ask(questions)
    var patience = Patience(until: end, on: time)
    while true {
      let failed = answers.indices.filter { answers[$0].providerFailure != nil }
      guard await patience.sitsOut(failed.compactMap { answers[$0].providerFailure }) else {
        return answers.map { $0.mapError(patience.told) }
      }
      // One of them, each time another, tells whether the store is back: while it is away it gets no more than that.
      let probe = failed[patience.round % failed.count]
      for places in [[probe], failed.filter { $0 != probe }] where !places.isEmpty {
        for (place, answer) in zip(places, await ask(places.map { questions[$0] })) {
          answers[place] = answer
        }
        guard answers[probe].providerFailure?.isRetriable != true else {
          break
        }
      }
    }
  }
}

extension Result where Failure == ProviderFailure {
  fileprivate var providerFailure: ProviderFailure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}
