import CLinux
import EventLoop
import Glibc
import Synchronization

/// A child process, whose end the event loop notices (pidfd_open(2), Linux 5.3); it is then reaped, it and no other
/// process.
///
/// Signals have their default meanings in it, but those of SIGHUP, SIGINT and SIGQUIT that the agent's own starter
/// ignores, and none is blocked. It has no descriptor that the agent opened. Its environment is the given one and
/// nothing else; the block with the values is overwritten as soon as the kernel has copied it, and from then on the
/// child's user can read them in `/proc/PID/environ`, as with every environment.
///
/// The loop holds it until it has ended.
public final class ChildProcess: Sendable {
  private struct State {
    var status: ChildStatus?
    var isGroupEnding = false
    var watch: DescriptorWatch?
    var waiting: [CheckedContinuation<ChildStatus, Never>] = []
  }

  public let pid: pid_t
  private let descriptor: Int32
  private let state = Mutex(State())

  /// Starts `arguments` (the command first) with the agent's standard input, output and error, working folder, process
  /// group and terminal, so that it behaves as if it had been started directly: Ctrl-C reaches it by way of the
  /// terminal.
  public static func start(
    _ arguments: [String], environment: ProcessEnvironment, on loop: EventLoop
  ) throws(SpawnFault) -> ChildProcess {
    try start(arguments, environment, .ours, on: loop)
  }

  static func start(
    _ arguments: [String], _ environment: ProcessEnvironment, _ surroundings: Spawning.Surroundings, on loop: EventLoop
  ) throws(SpawnFault) -> ChildProcess {
    let pid = try Spawning.spawn(arguments, environment, surroundings)
    do throws(EventLoopFault) {
      return try ChildProcess(pid, on: loop)
    } catch {
      // Out of descriptors, or a kernel too old: nobody would ever know of its end.
      kill(pid, SIGKILL)
      _ = wait(for: pid, 0)
      throw SpawnFault(arguments[0], error.code)
    }
  }

  private init(_ pid: pid_t, on loop: EventLoop) throws(EventLoopFault) {
    self.pid = pid
    descriptor = linux_pidfd_open(pid)
    guard descriptor >= 0 else {
      throw EventLoopFault("pidfd_open", errno)
    }
    try state.withLock { state throws(EventLoopFault) in
      state.watch = try loop.watch(descriptor, .readable) { _ in self.reap() }
    }
  }

  deinit {
    close(descriptor)
  }

  /// How it ended; `nil` while it runs, as far as the loop has seen.
  public var status: ChildStatus? { state.withLock { $0.status } }

  /// Returns when it has ended, also in a cancelled task: cancellation is no news of a process.
  public func ended() async -> ChildStatus {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state in
        if state.status == nil {
          state.waiting.append(continuation)
        }
        return state.status
      }
      if let status {
        continuation.resume(returning: status)
      }
    }
  }

  private func reap() {
    let ended = state.withLock { state -> (ChildStatus, [CheckedContinuation<ChildStatus, Never>])? in
      guard state.status == nil else {
        return nil
      }
      if state.isGroupEnding {
        // Not yet reaped, so the group's number is still its own: whatever of it ignored the signal ends here.
        kill(-pid, SIGKILL)
      }
      guard let status = Self.wait(for: pid, WNOHANG) else {
        return nil
      }
      state.status = status
      state.watch?.cancel()
      state.watch = nil
      return (status, exchange(&state.waiting, with: []))
    }
    if let (status, waiting) = ended {
      for continuation in waiting {
        continuation.resume(returning: status)
      }
    }
  }

  /// `nil` where it still runs and `options` say not to wait for it.
  private static func wait(for pid: pid_t, _ options: Int32) -> ChildStatus? {
    var status: Int32 = 0
    while true {
      let result = waitpid(pid, &status, options)
      if result >= 0 {
        return result == 0 ? nil : ChildStatus(waitStatus: status)
      }
      if errno != EINTR {
        return .unknown
      }
    }
  }
}

// MARK: - Signals

extension ChildProcess {
  /// What a process that stands for its child passes on to it.
  public static let passedOn: [Int32] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT]

  /// Sends a signal, unless the process has ended; false where it could not be sent.
  @discardableResult
  public func signal(_ number: Int32) -> Bool {
    // A reaped pid may be someone else's by now.
    state.withLock { $0.status == nil && kill(pid, number) == 0 }
  }

  /// Passes on a signal that the agent received.
  public func pass(_ signal: SignalSequence.Received) {
    // What the terminal sends goes to the whole foreground group, the child among it.
    if !signal.isFromKernel {
      self.signal(signal.number)
    }
  }

  /// Sends a signal that asks to end to the whole group that the process leads, unless it has ended; false where it
  /// has. What of the group is there when it ends is killed.
  @discardableResult
  func endGroup(by number: Int32) -> Bool {
    state.withLock { state in
      guard state.status == nil else {
        return false
      }
      state.isGroupEnding = true
      kill(-pid, number)
      return true
    }
  }
}
