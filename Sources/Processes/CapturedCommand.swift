import CLinux
import EventLoop
import Glibc
import SecretBytes
import Synchronization

/// A command that is heard out: without a shell, in a process group of its own, with a standard input that is short or
/// empty and no descriptor but the three standard ones. It is over when its own process has ended: what it left running is neither
/// waited for nor heard.
public struct CapturedCommand: Sendable {
  /// What is kept of what it writes.
  public enum Output: Sendable {
    /// The first bytes of standard output and error; the rest is dropped.
    case beginning(bytes: Int)
    /// Standard output, as an answer that is worth nothing where it is cut: a command that writes more is ended. What
    /// it writes to standard error goes nowhere.
    case answer(atMost: Int)
  }

  public enum Ending: Sendable, Equatable {
    case byItself(ChildStatus)
    case timeLimit
    case outputLimit
    /// The task that ran it was cancelled.
    case cancelled
  }

  public struct Outcome: Sendable {
    public let ending: Ending
    public let output: SecretBytes
    /// Whether it wrote more than `output`.
    public let isCut: Bool
  }

  /// How much a command can be given to read, in bytes: what a pipe takes at once (PIPE_BUF, pipe(7)).
  public static let longestInput = 4096

  private let arguments: [String]
  private let environment: ProcessEnvironment
  private let input: SecretBytes?
  private let output: Output
  private let timeLimit: Duration
  private let grace: Duration

  /// - Parameters:
  ///   - arguments: the command first, found by the PATH of `environment`.
  ///   - input: what it reads, at most ``longestInput`` bytes; `nil`: nothing.
  ///   - timeLimit: when its group is asked to end (SIGTERM), as where the task is cancelled.
  ///   - grace: how long the group may take for that before it is killed.
  public init(
    _ arguments: [String], environment: ProcessEnvironment, input: SecretBytes? = nil, output: Output,
    timeLimit: Duration, grace: Duration = .seconds(5)
  ) {
    self.arguments = arguments
    self.environment = environment
    self.input = input
    self.output = output
    self.timeLimit = timeLimit
    self.grace = grace
  }

  /// Runs it from its start to its end. However the task fares, the process is reaped.
  ///
  /// - Parameter time: what limit and grace are counted by.
  public func run(on loop: EventLoop, time: any TimeSource) async throws(SpawnFault) -> Outcome {
    let (capture, child) = try start(on: loop)
    let early = EarlyEnd(of: child, grace: grace, on: loop, time)
    let endsAtLimit = if case .answer = output { true } else { false }
    do throws(EventLoopFault) {
      try capture.watch(on: loop) {
        if endsAtLimit {
          early.ask(.outputLimit)
        }
      }
    } catch {
      // Unheard it would wait for a reader for ever.
      child.endGroup(by: SIGKILL)
    }
    let alarm = Task(executorPreference: loop) { [timeLimit] in
      if (try? await time.sleep(for: timeLimit)) != nil {
        early.ask(.timeLimit)
      }
    }
    let status = await withTaskCancellationHandler {
      await child.ended()
    } onCancel: {
      early.ask(.cancelled)
    }
    alarm.cancel()
    let (bytes, isCut) = capture.finish()
    let ending = early.finish() ?? (isCut && endsAtLimit ? .outputLimit : .byItself(status))
    return Outcome(ending: ending, output: bytes, isCut: isCut)
  }

  private func start(on loop: EventLoop) throws(SpawnFault) -> (OutputCapture, ChildProcess) {
    let (limit, hasErrors) =
      switch output {
      case .beginning(let bytes): (bytes, true)
      case .answer(let bytes): (bytes, false)
      }
    guard let (capture, writing) = OutputCapture.open(limit: limit) else {
      throw SpawnFault(arguments.first ?? "", errno)
    }
    // The command's alone from then on, so that the pipe has an end.
    defer { close(writing) }
    let reading = try input.map { input throws(SpawnFault) in try descriptor(holding: input) }
    defer { _ = reading.map { close($0) } }
    let child = try ChildProcess.start(
      arguments, environment, .apart(input: reading, output: writing, errors: hasErrors ? writing : nil), on: loop)
    return (capture, child)
  }

  /// The end to read of a pipe that holds `input`, and then ends. Nothing of it touches a disk, as a file's bytes might.
  private func descriptor(holding input: SecretBytes) throws(SpawnFault) -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard input.count <= Self.longestInput else {
      throw SpawnFault(arguments.first ?? "", E2BIG)
    }
    guard linux_pipe(&ends) == 0 else {
      throw SpawnFault(arguments.first ?? "", errno)
    }
    defer {
      close(ends[0])
      close(ends[1])
    }
    let written = input.withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) }
    // Above the standard ones, which are given away first.
    let reading = written == input.count ? fcntl(ends[0], F_DUPFD_CLOEXEC, 3) : -1
    guard reading >= 0 else {
      throw SpawnFault(arguments.first ?? "", written == input.count ? errno : EIO)
    }
    return reading
  }
}

/// Why a command was asked to end before it did by itself; the first reason counts.
private final class EarlyEnd: Sendable {
  private struct State {
    var reason: CapturedCommand.Ending?
    var killing: Task<Void, Never>?
  }

  private let child: ChildProcess
  private let grace: Duration
  private let loop: EventLoop
  private let time: any TimeSource
  private let state = Mutex(State())

  init(of child: ChildProcess, grace: Duration, on loop: EventLoop, _ time: any TimeSource) {
    self.child = child
    self.grace = grace
    self.loop = loop
    self.time = time
  }

  func ask(_ reason: CapturedCommand.Ending) {
    state.withLock { state in
      guard state.reason == nil, child.endGroup(by: SIGTERM) else {
        return
      }
      state.reason = reason
      state.killing = Task(executorPreference: loop) { [child, grace, time] in
        if (try? await time.sleep(for: grace)) != nil {
          child.endGroup(by: SIGKILL)
        }
      }
    }
  }

  /// The command has ended.
  func finish() -> CapturedCommand.Ending? {
    state.withLock { state in
      state.killing?.cancel()
      return state.reason
    }
  }
}
