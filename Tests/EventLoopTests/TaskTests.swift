import EventLoop
import Glibc
import Synchronization
import Testing

/// A thread of its own that runs `body`; the tests need one that is neither the loop's nor of Swift's pool.
func onAnotherThread(_ body: @escaping @Sendable () -> Void) {
  let box = Unmanaged.passRetained(Work(body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { argument in
      if let argument {
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
      }
      return nil
    }, box.toOpaque())
  precondition(code == 0)
  pthread_detach(thread)
}

private final class Work: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}

private func thisThread() -> pthread_t { pthread_self() }

private actor Counter {
  private(set) var threads: Set<pthread_t> = []
  private(set) var count = 0

  func increment() {
    count += 1
    threads.insert(thisThread())
  }
}

@Suite(.timeLimit(.minutes(1)))
struct TaskTests {
  @Test func runReturnsTheRootsOutcome() throws {
    let loop = try EventLoop()
    #expect(loop.run { 42 } == 42)
  }

  @Test func runCanBeCalledAgain() throws {
    let loop = try EventLoop()
    #expect(loop.run { 1 } == 1)
    let second = loop.run {
      try? await loop.sleep(for: .microseconds(1))
      return 2
    }
    #expect(second == 2)
  }

  @Test func workLeftByOneRunIsDoneByTheNext() throws {
    let loop = try EventLoop()
    let task = loop.run {
      Task(executorPreference: loop) {
        await Task.yield()
        return 7
      }
    }
    #expect(loop.run { await task.value } == 7)
  }

  @Test func tasksGroupsAndActorsStayOnTheLoopsThread() throws {
    let loop = try EventLoop()
    let here = thisThread()
    let (seen, actorThreads, count) = loop.run {
      let counter = Counter()
      var seen: Set<pthread_t> = [thisThread()]
      async let child = thisThread()
      seen.insert(await child)
      seen.insert(await Task(executorPreference: loop) { thisThread() }.value)
      await withTaskGroup(of: pthread_t.self) { group in
        for _ in 0..<1000 {
          group.addTask {
            await counter.increment()
            await Task.yield()
            return thisThread()
          }
        }
        for await thread in group {
          seen.insert(thread)
        }
      }
      return (seen, await counter.threads, await counter.count)
    }
    #expect(seen == [here])
    #expect(actorThreads == [here])
    #expect(count == 1000)
  }

  @Test func aContinuationResumedElsewhereWakesTheLoopAndStaysOnIt() throws {
    let loop = try EventLoop()
    let here = thisThread()
    let threads = loop.run {
      var threads: Set<pthread_t> = []
      for _ in 0..<200 {
        let resumer = await withCheckedContinuation { continuation in
          onAnotherThread { continuation.resume(returning: thisThread()) }
        }
        #expect(resumer != here)
        threads.insert(thisThread())
      }
      return threads
    }
    #expect(threads == [here])
  }

  @Test func theLoopEndsWhenTheRootsLastStepRanElsewhere() throws {
    let loop = try EventLoop()
    let value = loop.run { await Task.detached { 5 }.value }
    #expect(value == 5)
  }

  @Test func actionsRunInTheOrderInWhichTheyWerePosted() throws {
    let loop = try EventLoop()
    let order = Mutex<[Int]>([])
    loop.run {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        onAnotherThread {
          for index in 0..<1000 {
            loop.perform { order.withLock { $0.append(index) } }
          }
          loop.perform { continuation.resume() }
        }
      }
    }
    #expect(order.withLock { $0 } == Array(0..<1000))
  }

  @Test func manyThreadsPostAtOnceAndNothingIsLost() throws {
    let loop = try EventLoop()
    let count = loop.run {
      let counter = Counter()
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
              onAnotherThread {
                let left = Atomic(500)
                let shared = Shared(left, continuation)
                for _ in 0..<500 {
                  Task(executorPreference: loop) {
                    await counter.increment()
                    shared.arrive()
                  }
                }
              }
            }
          }
        }
      }
      return await counter.count
    }
    #expect(count == 4000)
  }
}

/// Resumes its continuation when the last has arrived.
private final class Shared: Sendable {
  private let left: Atomic<Int>
  private let continuation: CheckedContinuation<Void, Never>

  init(_ left: consuming Atomic<Int>, _ continuation: CheckedContinuation<Void, Never>) {
    self.left = left
    self.continuation = continuation
  }

  func arrive() {
    if left.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 {
      continuation.resume()
    }
  }
}
