import ProviderKit
import Synchronization
import Testing

@Test func outputsKeepTheOrderOfTheirInputs() async {
  let outputs = await inOrder(Array(0..<1000), atMost: 64) { $0 * 2 }
  #expect(outputs == (0..<1000).map { $0 * 2 })
  #expect(await inOrder([Int](), atMost: 64) { $0 }.isEmpty)
  #expect(await inOrder([1], atMost: 0) { $0 } == [1])
}

@Test func noMoreThanTheLimitRunAtOnce() async {
  let running = Mutex((now: 0, most: 0))
  _ = await inOrder(Array(0..<200), atMost: 7) { _ in
    running.withLock { running in
      running.now += 1
      running.most = max(running.most, running.now)
    }
    await Task.yield()
    running.withLock { $0.now -= 1 }
  }
  #expect(running.withLock { $0.most } <= 7)
}
