import CLinux
import EventLoop
import Glibc
import SecretBytes

/// Runs a command as a notice, from its start to its end.
struct CommandNotice: Sendable {
  private enum Event: Sendable {
    case ended
    case timeLimit
    case cancelled
    case graceOver
  }

  /// Why the command was asked to end.
  private enum Reason {
    case timeLimit
    case cancelled
  }

  let arguments: [String]
  let timeLimit: Duration
  let environment: ProcessEnvironment
  let redaction: OutputRedaction
  let loop: EventLoop
  /// Without it, as on a kernel before 5.3, the command's end is asked for every 100 ms.
  let usesPidfd: Bool

  static let grace: Duration = .seconds(5)

  /// A cancelled task ends the command as its time limit does.
  func run() async -> NoticeOutcome {
    let (events, send) = AsyncStream.makeStream(of: Event.self)
    // A task of its own: in a cancelled one neither stream nor timer would go on, and the command must be reaped in any case.
    let task = Task(executorPreference: loop) { await run(events, send) }
    return await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      send.yield(.cancelled)
    }
  }

  private func run(_ events: AsyncStream<Event>, _ send: AsyncStream<Event>.Continuation) async -> NoticeOutcome {
    var ends: [Int32] = [-1, -1]
    guard linux_pipe(&ends) == 0 else {
      return .failure("the command cannot be started: no pipe (\(errorName(errno)))")
    }
    let output = CommandOutput(ends[0])
    // The reader's end only: the command's own must wait when it is full, as programs expect.
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    var child: ChildProcess
    do throws(SpawnFault) {
      defer { close(ends[1]) }
      child = try ChildProcess.spawn(arguments, environment: environment, output: ends[1])
    } catch {
      return .failure("the command cannot be started: \(error)")
    }
    do throws(EventLoopFault) {
      try output.watch(on: loop)
    } catch {
      kill(-child.pid, SIGKILL)
    }
    let pid = child.pid
    let end = watchEnd(of: pid, send)
    let timer = alarm(.timeLimit, in: timeLimit, send)
    let reason = await follow(pid, events, send)
    timer.cancel()
    end.cancel()
    if reason != nil {
      // Not yet reaped, so its group's number is still its own: whatever of the group ignored SIGTERM ends here.
      kill(-pid, SIGKILL)
    }
    let (bytes, isCut) = output.finish()
    let status = child.reap() ?? .unknown
    return outcome(status, reason, CommandOutput.lines(bytes, isCut: isCut, redaction))
  }

  /// Returns when the command has ended: why it had to be asked to, `nil` where it ended by itself.
  private func follow(
    _ pid: pid_t, _ events: AsyncStream<Event>, _ send: AsyncStream<Event>.Continuation
  ) async -> Reason? {
    var reason: Reason?
    var killing: Task<Void, Never>?
    defer { killing?.cancel() }
    for await event in events {
      switch event {
      case .ended:
        return reason
      case .timeLimit, .cancelled:
        guard reason == nil else {
          continue
        }
        reason = event == .timeLimit ? .timeLimit : .cancelled
        kill(-pid, SIGTERM)
        killing = alarm(.graceOver, in: Self.grace, send)
      case .graceOver:
        kill(-pid, SIGKILL)
      }
    }
    return reason
  }

  private func alarm(
    _ event: Event, in span: Duration, _ send: AsyncStream<Event>.Continuation
  ) -> Task<Void, Never> {
    Task(executorPreference: loop) {
      if (try? await loop.sleep(for: span)) != nil {
        send.yield(event)
      }
    }
  }

  // MARK: - The end

  /// What watches for the command's end, and how that is stopped.
  private struct EndWatch {
    let cancel: () -> Void
  }

  private func watchEnd(of pid: pid_t, _ send: AsyncStream<Event>.Continuation) -> EndWatch {
    let descriptor = usesPidfd ? linux_pidfd_open(pid) : -1
    if descriptor >= 0 {
      if let watch = try? loop.watch(descriptor, .readable, { _ in send.yield(.ended) }) {
        return EndWatch {
          watch.cancel()
          close(descriptor)
        }
      }
      close(descriptor)
    }
    let poll = Task(executorPreference: loop) {
      while !Self.hasEnded(pid), (try? await loop.sleep(for: .milliseconds(100))) != nil {}
      send.yield(.ended)
    }
    return EndWatch { poll.cancel() }
  }

  /// Looks without reaping.
  private static func hasEnded(_ pid: pid_t) -> Bool {
    var information = siginfo_t()
    let result = waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT)
    return result == 0 ? information.si_signo == SIGCHLD : errno == ECHILD
  }

  private func outcome(_ status: ChildStatus, _ reason: Reason?, _ output: [String]) -> NoticeOutcome {
    switch reason {
    case .timeLimit: return .failure("the command took longer than \(timeLimit) and was ended", output: output)
    case .cancelled: return .failure("the command was ended, since the agent no longer waits for it", output: output)
    case nil: break
    }
    switch status {
    case .exited(0): return NoticeOutcome(succeeded: true, message: "the command succeeded", output: output)
    case .exited(let code): return .failure("the command failed with status \(code)", output: output)
    case .signalled(let number): return .failure("the command was ended by \(signalName(number))", output: output)
    case .unknown: return .failure("the command ended, but its status is not known", output: output)
    }
  }

  private func errorName(_ code: Int32) -> String {
    linux_error_name(code).map { String(cString: $0) } ?? "error \(code)"
  }
}
