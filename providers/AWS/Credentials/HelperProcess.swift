import CLinux
import Glibc
import SecretBytes
import Synchronization

/// Runs a program and reads what it prints, on a thread of its own: nothing else waits for it.
struct HelperProcess: Sendable {
  enum Fault: Error, Sendable, Equatable {
    case notFound
    /// `errno` of the start.
    case notStarted(Int32)
    case failed(status: Int32)
    case killed(signal: Int32)
    case tooLong
    case tooMuchOutput
  }

  /// The program and its arguments; it is not handed to a shell.
  let arguments: [String]
  /// Milliseconds that it may take.
  let timeLimit: Int32
  /// Bytes that it may print.
  let outputLimit: Int

  func output() async -> Result<SecretBytes, Fault> {
    await withCheckedContinuation { continuation in
      let work = ThreadWork { continuation.resume(returning: self.run()) }
      let code = work.start()
      if code != 0 {
        continuation.resume(returning: .failure(.notStarted(code)))
      }
    }
  }

  private func run() -> Result<SecretBytes, Fault> {
    guard let name = arguments.first, let path = Self.find(name) else {
      return .failure(.notFound)
    }
    var output: Int32 = -1
    var child: pid_t = 0
    let vector = arguments.map { strdup($0) } + [nil]
    defer {
      for argument in vector {
        free(argument)
      }
    }
    let fault = linux_spawn_reading(path, vector, environ, &output, &child)
    guard fault == 0 else {
      return .failure(.notStarted(fault))
    }
    defer { close(output) }
    let read = readAll(output)
    if case .failure = read {
      kill(-child, SIGKILL)
    }
    let ended = Self.wait(for: child)
    guard case .success = read, let ended else {
      return read
    }
    return .failure(ended)
  }

  /// A name without a slash is looked for in PATH, as execvp(3) does.
  private static func find(_ name: String) -> String? {
    if name.contains("/") {
      return access(name, X_OK) == 0 ? name : nil
    }
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  private func readAll(_ output: Int32) -> Result<SecretBytes, Fault> {
    var buffer = SecretBuffer()
    let end = Self.milliseconds() + Int64(timeLimit)
    while true {
      var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      let left = end - Self.milliseconds()
      guard left > 0 else {
        return .failure(.tooLong)
      }
      let ready = poll(&polled, 1, Int32(clamping: left))
      guard ready != 0 else {
        return .failure(.tooLong)
      }
      let got = ready < 0 ? -1 : buffer.fill(atMost: 16 * 1024) { read(output, $0.baseAddress, $0.count) }
      if got == 0 {
        return .success(buffer.finish())
      }
      if got < 0, errno != EINTR {
        return .failure(.notStarted(errno))
      }
      guard buffer.count <= outputLimit else {
        return .failure(.tooMuchOutput)
      }
    }
  }

  /// A helper that closed its output has nothing left to do; it is given a second to end by itself.
  private static func wait(for child: pid_t) -> Fault? {
    var status: Int32 = 0
    let end = milliseconds() + 1000
    while true {
      let result = waitpid(child, &status, WNOHANG)
      if result == child {
        break
      }
      guard result == 0 || errno == EINTR else {
        return .notStarted(errno)
      }
      if milliseconds() >= end {
        kill(-child, SIGKILL)
      }
      usleep(2000)
    }
    var number: Int32 = 0
    if linux_wait_exited(status, &number) {
      return number == 0 ? nil : .failed(status: number)
    }
    _ = linux_wait_signalled(status, &number)
    return .killed(signal: number)
  }

  private static func milliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }
}

/// A closure on a detached thread that takes no signals: those are for the threads that expect them.
private final class ThreadWork: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }

  /// Returns 0, or an errno value where there is no thread; then the closure does not run.
  func start() -> Int32 {
    var thread = pthread_t()
    let work = Unmanaged.passRetained(self)
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    let code = pthread_create(
      &thread, nil,
      { raw in
        if let raw {
          Unmanaged<ThreadWork>.fromOpaque(raw).takeRetainedValue().body()
        }
        return nil
      }, work.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    guard code == 0 else {
      work.release()
      return code
    }
    pthread_detach(thread)
    return 0
  }
}
