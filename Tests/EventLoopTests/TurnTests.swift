import EventLoop
import Glibc
import Synchronization
import Testing

/// The loop's turns are short, whatever there is to do; what is not short is counted, or done beside it.
@Suite(.timeLimit(.minutes(15)))
struct TurnTests {
  @Test func tasksThatNeverRunOutDoNotKeepATimerFromRinging() throws {
    let loop = try EventLoop()
    let rang = loop.run {
      await withTaskGroup(of: Bool.self) { group in
        group.addTask {
          try? await loop.sleep(for: .milliseconds(1))
          return true
        }
        for _ in 0..<20 {
          group.addTask {
            while !Task.isCancelled {
              await Task.yield()
            }
            return false
          }
        }
        let first = await group.next()
        group.cancelAll()
        return first
      }
    }
    #expect(rang == true)
  }

  @Test func tasksStayInTheirOrderOverSlices() throws {
    let loop = try EventLoop()
    let order = Order()
    loop.run {
      let tasks = (0..<30).map { number in
        Task(executorPreference: loop) {
          order.note(number)
          usleep(1000)
        }
      }
      for task in tasks {
        await task.value
      }
    }
    #expect(order.noted == Array(0..<30))
  }

  @Test func aLongTurnIsCounted() throws {
    let loop = try EventLoop()
    loop.run { _ = usleep(60_000) }
    #expect(loop.turnCounts.longest >= .milliseconds(60))
    #expect(loop.turnCounts.slow >= 1)
  }

  @Test func aWorkerWorksInOrderOnAThreadOfItsOwn() throws {
    let loop = try EventLoop()
    let worker = try WorkerThread()
    let order = Order()
    let (here, threads) = loop.run {
      let here = pthread_self()
      let tasks = (0..<100).map { number in
        Task(executorPreference: loop) {
          await worker.run {
            order.note(number)
            return pthread_self()
          }
        }
      }
      var threads: Set<pthread_t> = []
      for task in tasks {
        threads.insert(await task.value)
      }
      return (here, threads)
    }
    #expect(threads.count == 1)
    #expect(!threads.contains(here))
    #expect(order.noted == Array(0..<100))
  }
}

private final class Order: Sendable {
  private let numbers = Mutex<[Int]>([])

  var noted: [Int] { numbers.withLock { $0 } }

  func note(_ number: Int) {
    numbers.withLock { $0.append(number) }
  }
}
