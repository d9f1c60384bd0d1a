import EventLoop

/// Lets tasks wait for something that others bring about.
@DaemonActor
final class Arrivals {
  private let time: any TimeSource
  private let executor: (any TaskExecutor)?
  private var waiting: [UInt64: AsyncStream<Void>.Continuation] = [:]
  private var lastWaiter: UInt64 = 0

  init(time: any TimeSource, executor: (any TaskExecutor)?) {
    self.time = time
    self.executor = executor
  }

  /// Something came: whoever waits looks again.
  func tell() {
    for each in waiting.values {
      each.yield()
    }
  }

  /// What `find` finds, now or after the next arrivals; `nil` where that is nothing until `deadline`, or the task is cancelled.
  func first<Found>(until deadline: Moment, _ find: @DaemonActor () -> Found?) async -> Found? {
    while true {
      if let found = find() {
        return found
      }
      guard time.now < deadline, !Task.isCancelled else {
        return nil
      }
      await change(until: deadline)
    }
  }

  private func change(until deadline: Moment) async {
    let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    lastWaiter &+= 1
    let number = lastWaiter
    waiting[number] = change
    let timer = Task(executorPreference: executor) { [time] in
      try await time.sleep(until: deadline)
      change.yield()
    }
    defer {
      timer.cancel()
      waiting[number] = nil
    }
    // Cancellation ends the stream.
    for await _ in changes {
      return
    }
  }
}
