import CLinux
import EventLoop
import Glibc
import SecretBytes

/// A non-blocking socket whose one task waits for it on the loop. Whoever made the descriptor closes it.
struct LoopSocket: Sendable {
  let descriptor: Int32
  let loop: EventLoop

  /// Waits until the socket is ready, at an end or broken, all of which reading and writing then tell.
  ///
  /// - Returns: false where the deadline came first, the task was cancelled, or the socket cannot be watched.
  func wait(for readiness: Readiness, until deadline: Moment? = nil) async -> Bool {
    let (outcomes, outcome) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingOldest(1))
    guard let watch = try? loop.watch(descriptor, readiness, { _ in outcome.yield(true) }) else {
      return false
    }
    let timer = deadline.map { deadline in
      Task(executorPreference: loop) {
        try await loop.sleep(until: deadline)
        outcome.yield(false)
      }
    }
    defer {
      watch.cancel()
      timer?.cancel()
    }
    // Cancellation ends the stream.
    return await outcomes.first { _ in true } ?? false
  }

  /// The next bytes that come, at most 64 KiB; `nil` at the end, or where the connection is broken or nothing comes in time.
  func read(until deadline: Moment) async -> SecretBytes? {
    while !Task.isCancelled, loop.now < deadline {
      var buffer = SecretBuffer()
      let count = buffer.fill(atMost: 64 * 1024) { recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count > 0 {
        // Others have their turn, however much this peer sends. `Task.yield()` would go by way of Swift's global pool, which the
        // agent does not otherwise start.
        await withCheckedContinuation { turn in loop.perform { turn.resume() } }
        return buffer.finish()
      }
      guard count < 0, errno == EAGAIN || errno == EINTR, await wait(for: .readable, until: deadline) else {
        return nil
      }
    }
    return nil
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
      } else {
        guard count < 0, errno == EAGAIN || errno == EINTR, await wait(for: .writable, until: deadline) else {
          return false
        }
      }
    }
    return true
  }

  /// Says that no more comes, and reads over what the peer still sends until it has closed: a socket that is closed with unread bytes
  /// would take the answer back.
  func linger(until deadline: Moment) async {
    shutdown(descriptor, Int32(SHUT_WR))
    while await read(until: deadline) != nil {}
  }
}
