import Glibc
import Synchronization
import Testing

@testable import EventLoop

/// A pipe that closes both ends with it.
private final class Pipe: Sendable {
  let reader: Int32
  let writer: Int32

  init() {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0)
    for end in ends {
      precondition(fcntl(end, F_SETFL, O_NONBLOCK) == 0)
    }
    (reader, writer) = (ends[0], ends[1])
  }

  deinit {
    close(reader)
    close(writer)
  }

  func put() {
    var byte: UInt8 = 1
    precondition(write(writer, &byte, 1) == 1)
  }

  /// Whether there was a byte.
  func take() -> Bool {
    var byte: UInt8 = 0
    return read(reader, &byte, 1) == 1
  }
}

@Suite(.timeLimit(.minutes(1)))
struct DescriptorTests {
  @Test func aWatchTellsOfEveryByteAndEndsWhenCancelled() throws {
    let loop = try EventLoop()
    let pipe = Pipe()
    let (stream, continuation) = AsyncStream.makeStream(of: Bool.self)
    let watch = try loop.watch(pipe.reader, .readable) { readiness in
      continuation.yield(readiness.contains(.readable) && pipe.take())
    }
    loop.run {
      var calls = stream.makeAsyncIterator()
      for _ in 0..<3 {
        onAnotherThread { pipe.put() }
        #expect(await calls.next() == true)
      }
      watch.cancel()
      pipe.put()
      // Longer than one turn of the loop: a watch that was still there would have been called.
      try? await loop.sleep(for: .milliseconds(1))
      #expect(pipe.take())
      continuation.finish()
      #expect(await calls.next() == nil)
    }
  }

  @Test func aDescriptorThatIsNoneIsRefused() throws {
    let loop = try EventLoop()
    #expect(throws: EventLoopFault("epoll_ctl", EBADF)) {
      _ = try loop.watch(-1, .readable) { _ in }
    }
  }

  @Test func aDescriptorIsWatchedOnceAtATime() throws {
    let loop = try EventLoop()
    let pipe = Pipe()
    let watch = try loop.watch(pipe.reader, .readable) { _ in }
    #expect(throws: EventLoopFault("epoll_ctl", EEXIST)) {
      _ = try loop.watch(pipe.reader, .readable) { _ in }
    }
    watch.cancel()
    try loop.watch(pipe.reader, .readable) { _ in }.cancel()
  }

  @Test func aWatchCancelledTwiceLeavesTheNextOneAlone() throws {
    let loop = try EventLoop()
    let pipe = Pipe()
    let first = try loop.watch(pipe.reader, .readable) { _ in }
    first.cancel()
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    let second = try loop.watch(pipe.reader, .readable) { _ in
      _ = pipe.take()
      continuation.yield()
      continuation.finish()
    }
    first.cancel()
    pipe.put()
    let calls = loop.run {
      onAnotherThread {
        // The end of patience, so that a missing call fails the test and does not hold it.
        usleep(300_000)
        continuation.finish()
      }
      return await stream.reduce(0) { count, _ in count + 1 }
    }
    second.cancel()
    #expect(calls == 1)
  }

  @Test func aFaultNamesItsCallAndTheSystemsWords() {
    #expect(EventLoopFault("epoll_ctl", EBADF).description == "epoll_ctl: Bad file descriptor")
  }
}

/// One after the other: signals are the process's.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct SignalTests {
  @Test func aSignalSentToTheThreadComesInTheSequence() throws {
    let loop = try EventLoop()
    let received = try receive(on: loop, SIGUSR1) { pthread_kill(pthread_self(), SIGUSR1) }
    #expect(received?.number == SIGUSR1)
    #expect(received?.isFromKernel == false)
  }

  @Test func cancellingEndsTheSequenceAndASecondTimeDoesNothing() throws {
    let loop = try EventLoop()
    let pipe = loop.run {
      var pipe: Pipe?
      do {
        let signals = try loop.signals([SIGUSR2])
        signals.cancel()
        for await _ in signals {
          Issue.record("no signal was sent")
        }
        // It gets the descriptor that the sequence gave back, which the second call must not close.
        pipe = Pipe()
        signals.cancel()
        loop.perform {}
        await Task.yield()
        try await loop.sleep(for: .milliseconds(1))
      } catch {
        Issue.record(error)
      }
      return pipe
    }
    let kept = try #require(pipe)
    kept.put()
    #expect(kept.take())
  }

  @Test func aSignalThatIsNoneIsRefused() throws {
    let loop = try EventLoop()
    #expect(throws: EventLoopFault.self) { _ = try loop.signals([-1]) }
    #expect(throws: EventLoopFault.self) { _ = try loop.signals([1000]) }
  }

  /// Only the thread that blocks the signal may get it: a signal to the whole process would end the test's other threads.
  private func receive(on loop: EventLoop, _ number: Int32, _ send: @escaping @Sendable () -> Void) throws
    -> SignalSequence.Received?
  {
    try loop.run { () -> Result<SignalSequence.Received?, EventLoopFault> in
      do {
        let signals = try loop.signals([number])
        defer { signals.cancel() }
        send()
        for await received in signals {
          return .success(received)
        }
        return .success(nil)
      } catch let fault as EventLoopFault {
        return .failure(fault)
      } catch {
        return .success(nil)
      }
    }.get()
  }
}
