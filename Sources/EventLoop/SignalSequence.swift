import CLinux
import Glibc
import Synchronization

/// Signals as an async sequence, by signalfd(2). The signals are blocked in the calling thread, so make it before the process
/// has other threads.
public struct SignalSequence: AsyncSequence, Sendable {
  /// One signal that was received.
  public struct Received: Sendable {
    public let number: Int32
    /// Whether the kernel sent it by itself, as the terminal's Ctrl-C does: then the whole foreground group has it already.
    public let isFromKernel: Bool
  }

  public typealias Element = Received

  private let stream: AsyncStream<Received>
  private let end: @Sendable () -> Void

  init(_ numbers: [Int32], on loop: EventLoop) throws(EventLoopFault) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers {
      guard sigaddset(&set, number) == 0 else {
        throw EventLoopFault("sigaddset", errno)
      }
    }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    guard descriptor >= 0 else {
      throw EventLoopFault("signalfd", errno)
    }
    let (stream, continuation) = AsyncStream.makeStream(of: Received.self)
    let watch: DescriptorWatch
    do {
      watch = try loop.watch(descriptor, .readable) { _ in
        var info = signalfd_siginfo()
        while read(descriptor, &info, MemoryLayout<signalfd_siginfo>.size) == MemoryLayout<signalfd_siginfo>.size {
          continuation.yield(
            Received(number: Int32(bitPattern: info.ssi_signo), isFromKernel: info.ssi_code > 0))
        }
      }
    } catch {
      close(descriptor)
      throw error
    }
    let once = Once()
    self.stream = stream
    self.end = {
      loop.perform {
        guard once.first() else {
          return
        }
        watch.cancel()
        close(descriptor)
        continuation.finish()
      }
    }
  }

  public func makeAsyncIterator() -> AsyncStream<Received>.Iterator {
    stream.makeAsyncIterator()
  }

  /// Ends the sequence; a second call does nothing. The signals stay blocked.
  public func cancel() {
    end()
  }
}

/// Tells the first call from the later ones: a descriptor closed twice would be another's.
private final class Once: Sendable {
  private let isOver = Atomic(false)

  func first() -> Bool {
    !isOver.exchange(true, ordering: .relaxed)
  }
}

extension EventLoop {
  /// The signals `numbers`, from now on.
  public func signals(_ numbers: [Int32]) throws(EventLoopFault) -> SignalSequence {
    try SignalSequence(numbers, on: self)
  }
}
