import CLinux
import EventLoop
import Glibc
import SecretBytes
import Synchronization

/// The reading end of the pipe that a command writes to: keeps the first bytes and reads over the rest, so that the
/// command never waits.
final class OutputCapture: Sendable {
  private struct State: ~Copyable {
    /// `nil` once it is closed.
    var descriptor: Int32?
    var bytes = SecretBuffer()
    var isCut = false
    var watch: DescriptorWatch?

    /// What read(2) returns.
    mutating func read(_ limit: Int) -> Int {
      withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 16) { buffer in
        let count = Glibc.read(descriptor ?? -1, buffer.baseAddress, buffer.count)
        guard count > 0 else {
          return count
        }
        let kept = min(count, limit - bytes.count)
        bytes.append(UnsafeRawBufferPointer(rebasing: buffer.prefix(kept)))
        isCut = isCut || kept < count
        linux_wipe(buffer.baseAddress, count)
        return count
      }
    }

    mutating func close() {
      watch?.cancel()
      watch = nil
      if let descriptor {
        Glibc.close(descriptor)
      }
      descriptor = nil
    }
  }

  private let limit: Int
  private let state: Mutex<State>

  private init(_ descriptor: Int32, limit: Int) {
    self.limit = limit
    state = Mutex(State(descriptor: descriptor))
  }

  deinit {
    state.withLock { $0.close() }
  }

  /// A new pipe's capture, and the end to write to, which is the caller's; `nil` with errno set where there is none.
  static func open(limit: Int) -> (capture: OutputCapture, writing: Int32)? {
    var ends: [Int32] = [-1, -1]
    guard linux_pipe(&ends) == 0 else {
      return nil
    }
    // The reader's end only: the command's own must wait when it is full, as programs expect.
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return (OutputCapture(ends[0], limit: limit), ends[1])
  }

  /// - Parameter overflow: is called once more was written than is kept, at least once.
  func watch(on loop: EventLoop, overflow: @escaping @Sendable () -> Void) throws(EventLoopFault) {
    try state.withLock { state throws(EventLoopFault) in
      state.watch = try loop.watch(state.descriptor ?? -1, .readable) { [weak self] _ in
        if self?.drain() == true {
          overflow()
        }
      }
    }
  }

  /// Reads the last bytes and closes the pipe; a process that the command left behind writes to nobody from now on.
  func finish() -> (bytes: SecretBytes, isCut: Bool) {
    drain()
    return state.withLock { state in
      state.close()
      let bytes = exchange(&state.bytes, with: SecretBuffer())
      return (bytes.finish(), state.isCut)
    }
  }

  /// Reads what is there, but for no longer than a command that never stops writing would like. Whether there was too
  /// much.
  @discardableResult
  private func drain() -> Bool {
    state.withLock { state in
      for _ in 0..<16 {
        let count = state.read(limit)
        if count > 0 || (count < 0 && errno == EINTR) {
          continue
        }
        if count == 0 || errno != EAGAIN {
          // At its end it is ready for ever.
          state.watch?.cancel()
          state.watch = nil
        }
        break
      }
      return state.isCut
    }
  }
}
