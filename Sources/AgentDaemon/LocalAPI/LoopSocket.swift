import CLinux
import EventLoop
import Glibc
import SecretBytes
import Synchronization

/// A connected, non-blocking socket whose task waits for it on the loop. Its task alone reads, writes and closes it; anyone may end it.
final class LoopSocket: Sendable {
  enum Outcome: Sendable {
    case ready
    /// The deadline came first.
    case late
    /// The socket was ended from elsewhere, or cannot be watched.
    case ended
  }

  private struct State {
    var number: UInt64 = 0
    var waiter: CheckedContinuation<Outcome, Never>?
    var watch: DescriptorWatch?
    var isEnded = false
    var isClosed = false
  }

  let descriptor: Int32
  private let loop: EventLoop
  private let state = Mutex(State())

  /// Takes the descriptor over; ``close()`` gives it back to the kernel.
  init(_ descriptor: Int32, loop: EventLoop) {
    self.descriptor = descriptor
    self.loop = loop
  }

  /// Waits until the socket is ready, at an end or broken, all of which reading and writing then tell.
  func wait(for readiness: Readiness, until deadline: Moment) async -> Outcome {
    guard loop.now < deadline else {
      return .late
    }
    let number = state.withLock { state in
      state.number &+= 1
      return state.number
    }
    let timer = Task(executorPreference: loop) {
      if (try? await self.loop.sleep(until: deadline)) != nil {
        self.finish(number, .late)
      }
    }
    defer { timer.cancel() }
    return await withCheckedContinuation { continuation in
      let isEnded = state.withLock { state in
        if !state.isEnded {
          state.waiter = continuation
        }
        return state.isEnded
      }
      if isEnded {
        continuation.resume(returning: .ended)
      } else {
        watch(number, readiness)
      }
    }
  }

  private func watch(_ number: UInt64, _ readiness: Readiness) {
    do {
      let watch = try loop.watch(descriptor, readiness) { _ in self.finish(number, .ready) }
      let isOver = state.withLock { state in
        guard state.number == number, state.waiter != nil else {
          return true
        }
        state.watch = watch
        return false
      }
      if isOver {
        watch.cancel()
      }
    } catch {
      finish(number, .ended)
    }
  }

  private func finish(_ number: UInt64, _ outcome: Outcome) {
    let (waiter, watch) = state.withLock { state -> (CheckedContinuation<Outcome, Never>?, DescriptorWatch?) in
      guard state.number == number else {
        return (nil, nil)
      }
      defer { (state.waiter, state.watch) = (nil, nil) }
      return (state.waiter, state.watch)
    }
    watch?.cancel()
    waiter?.resume(returning: outcome)
  }

  /// Ends both directions, and the task's waiting with them.
  func end() {
    let number = state.withLock { state in
      state.isEnded = true
      if !state.isClosed {
        shutdown(descriptor, Int32(SHUT_RDWR))
      }
      return state.number
    }
    finish(number, .ended)
  }

  func close() {
    let isFirst = state.withLock { state in
      defer { (state.isClosed, state.isEnded) = (true, true) }
      return !state.isClosed
    }
    if isFirst {
      Glibc.close(descriptor)
    }
  }

  /// Lets the loop do what else is due. `Task.yield()` would go by way of Swift's global pool, which the agent does not otherwise start.
  func giveWay() async {
    await withCheckedContinuation { continuation in
      loop.perform { continuation.resume() }
    }
  }

  // MARK: - Reading and writing

  /// Gives what has come, at most 64 KiB, to `take`, and overwrites it. `nil` where nothing has; 0 at the end, or where the
  /// connection is broken.
  func read<Fault: Error>(_ take: (UnsafeRawBufferPointer) throws(Fault) -> Void) throws(Fault) -> Int? {
    let outcome: Result<Int?, Fault> = withUnsafeTemporaryAllocation(byteCount: 64 * 1024, alignment: 16) { buffer in
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      guard count > 0 else {
        return .success(count < 0 && (errno == EAGAIN || errno == EINTR) ? nil : 0)
      }
      defer { linux_wipe(buffer.baseAddress, count) }
      do throws(Fault) {
        try take(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
        return .success(count)
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  /// Sends all of `bytes`; false where the peer has gone or does not take them in time.
  func write(_ bytes: SecretBytes, until deadline: Moment) async -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.slice(sent..<bytes.count).withUnsafeBytes {
        // No SIGPIPE: the peer may be gone.
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
      } else if count < 0, errno == EAGAIN || errno == EINTR {
        guard case .ready = await wait(for: .writable, until: deadline) else {
          return false
        }
      } else {
        return false
      }
    }
    return true
  }

  /// Says that no more comes, and reads over what the peer still sends until it has closed: a socket that is closed with unread bytes
  /// would take the answer back.
  func linger(until deadline: Moment) async {
    shutdown(descriptor, Int32(SHUT_WR))
    while true {
      switch read({ _ in }) {
      case 0?: return
      case .some:
        // Other tasks have their turn, whatever this peer sends.
        await giveWay()
        guard loop.now < deadline else {
          return
        }
      case nil:
        guard case .ready = await wait(for: .readable, until: deadline) else {
          return
        }
      }
    }
  }
}
