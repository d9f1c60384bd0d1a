import Synchronization
import Testing

@testable import EventLoop

@Suite(.timeLimit(.minutes(15)))
struct SleepTests {
  @Test func sleepsEndInDueOrderAndNotBefore() throws {
    let loop = try EventLoop()
    let spans = [5, 1, 4, 2, 3]
    let order = loop.run {
      let start = loop.now
      return await withTaskGroup(of: Int.self) { group in
        for span in spans {
          group.addTask {
            let due = start.advanced(by: .milliseconds(span * 5))
            try? await loop.sleep(until: due)
            #expect(loop.now >= due)
            return span
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(order == [1, 2, 3, 4, 5])
  }

  @Test func tenThousandSleepersAllWake() throws {
    let loop = try EventLoop()
    let woken = loop.run {
      let start = loop.now
      return await withTaskGroup(of: Int.self) { group in
        for index in 0..<10_000 {
          // Every span once, in an order that is none: 7919 and 10,000 have no common factor.
          let span = index * 7919 % 10_000
          group.addTask {
            try? await loop.sleep(until: start.advanced(by: .microseconds(span * 10)))
            return span
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(Set(woken).count == 10_000)
  }

  @Test func timersComeInTheOrderInWhichTheyAreDue() {
    var timers = TimerHeap()
    for index in 0..<10_000 {
      timers.insert(LoopTimer(), due: Moment(nanoseconds: Int64(index * 7919 % 10_000)))
    }
    for nanoseconds in Int64(0)..<10_000 {
      #expect(timers.nextDue == Moment(nanoseconds: nanoseconds))
      #expect(timers.popDue(Moment(nanoseconds: nanoseconds)) != nil)
    }
    #expect(timers.nextDue == nil)
  }

  @Test func theLoopNeverMissesATimerThatFiresWhileItTurns() throws {
    let loop = try EventLoop()
    loop.run {
      for round in 0..<100_000 {
        try? await loop.sleep(for: .nanoseconds(round % 4000))
      }
    }
  }

  @Test(arguments: [Moment(nanoseconds: 0), Moment(nanoseconds: -1), Moment(nanoseconds: .min)])
  func aMomentThatIsOverEndsAtOnce(_ moment: Moment) throws {
    let loop = try EventLoop()
    let isDone = loop.run {
      (try? await loop.sleep(until: moment)) != nil
    }
    #expect(isDone)
  }

  @Test(arguments: [Duration.zero, .seconds(-1), .nanoseconds(Int64.min), .seconds(Int64.min)])
  func aSpanOfNothingOrLessEndsAtOnce(_ span: Duration) throws {
    let loop = try EventLoop()
    let isDone = loop.run { (try? await loop.sleep(for: span)) != nil }
    #expect(isDone)
  }

  @Test func theEndOfTimeIsWaitedForUntilCancelled() throws {
    let loop = try EventLoop()
    let isCancelled = loop.run {
      let task = Task(executorPreference: loop) {
        try await loop.sleep(until: Moment(nanoseconds: .max))
      }
      // A shorter sleep still ends while the endless one is armed.
      try? await loop.sleep(for: .milliseconds(1))
      task.cancel()
      return await isCancellation(task)
    }
    #expect(isCancelled)
  }

  @Test func aSleepCancelledBeforeItBeginsThrows() throws {
    let loop = try EventLoop()
    let isCancelled = loop.run {
      let task = Task(executorPreference: loop) {
        withUnsafeCurrentTask { $0?.cancel() }
        try await loop.sleep(for: .seconds(3600))
      }
      return await isCancellation(task)
    }
    #expect(isCancelled)
  }

  @Test func aSleepCancelledFromAnotherThreadThrows() throws {
    let loop = try EventLoop()
    let isCancelled = loop.run {
      let task = Task(executorPreference: loop) { try await loop.sleep(for: .seconds(3600)) }
      await Task.yield()
      onAnotherThread { task.cancel() }
      return await isCancellation(task)
    }
    #expect(isCancelled)
  }

  @Test func cancellingAfterTheSleepIsOverHasNoEffect() throws {
    let loop = try EventLoop()
    let value = loop.run {
      let task = Task(executorPreference: loop) {
        try await loop.sleep(for: .microseconds(1))
        return 3
      }
      let value = try? await task.value
      task.cancel()
      try? await loop.sleep(for: .microseconds(1))
      return value
    }
    #expect(value == 3)
  }

  /// The timer was armed for one of the cancelled: it must be armed for the next that is left.
  @Test(arguments: [1, 64, 65, 200, 3000])
  func aSleepIsNotLostWhenThoseBeforeItAreCancelled(_ cancelled: Int) throws {
    let loop = try EventLoop()
    let isDone = loop.run {
      let start = loop.now
      let earlier = (0..<cancelled).map { _ in
        Task(executorPreference: loop) { try await loop.sleep(until: start.advanced(by: .milliseconds(150))) }
      }
      let live = Task(executorPreference: loop) { try await loop.sleep(until: start.advanced(by: .milliseconds(200))) }
      await Task.yield()
      try? await loop.sleep(for: .milliseconds(1))
      for task in earlier {
        task.cancel()
      }
      return (try? await live.value) != nil
    }
    #expect(isDone)
  }

  @Test func ofSleepersHalfCancelledTheOthersWake() throws {
    let loop = try EventLoop()
    let (woken, cancelled) = loop.run {
      let start = loop.now
      let tasks = (0..<2000).map { index in
        Task(executorPreference: loop) {
          // Those that are cancelled would sleep for long, however slow the machine is to cancel them.
          let pause: Duration = index % 2 == 0 ? .seconds(3600) : .milliseconds(100)
          try await loop.sleep(until: start.advanced(by: pause + .microseconds(index)))
        }
      }
      await Task.yield()
      for index in stride(from: 0, to: tasks.count, by: 2) {
        tasks[index].cancel()
      }
      var woken = 0
      var cancelled = 0
      for task in tasks {
        if (try? await task.value) != nil {
          woken += 1
        } else {
          cancelled += 1
        }
      }
      return (woken, cancelled)
    }
    #expect(woken == 1000)
    #expect(cancelled == 1000)
  }
}

private func isCancellation(_ task: Task<Void, any Error>) async -> Bool {
  do {
    try await task.value
    return false
  } catch {
    return error is CancellationError
  }
}
