import CLibcurl
import CLinux
import Glibc
import Synchronization

/// The program's one thread: it runs Swift's tasks, libcurl's transfers, timers and descriptors, and waits for all of them in one
/// `curl_multi_poll`, with one epoll descriptor beside libcurl's sockets.
///
/// A root task is started by ``run(_:)``; tasks of its own that outlive a call are started with
/// `Task(executorPreference: loop)`, since an unstructured task does not inherit the preference.
public final class EventLoop: TaskExecutor, TimeSource, Sendable {
  private struct Inbox {
    var jobs: [UnownedJob] = []
    var actions: [@Sendable () -> Void] = []
  }

  /// How long a turn takes up further tasks.
  private static let slice = Duration.milliseconds(10)

  private let inbox = Mutex(Inbox())
  private let turns = Mutex(TurnCounts())
  private let wakeUp: Int32
  let thread = LoopThread()
  let reactor: Reactor
  package let transfers: LoopBound<TransferTable>

  /// - Parameter transfers: how many may be under way at once; `nil`: by the process's limit of descriptors.
  /// - Throws: where the kernel or libcurl gives no resources.
  public init(transfers most: Int? = nil) throws(EventLoopFault) {
    self.wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wakeUp >= 0 else {
      throw EventLoopFault("eventfd", errno)
    }
    self.reactor = try Reactor()
    self.transfers = LoopBound(try TransferTable(most: most ?? TransferTable.mostByDescriptors), on: thread)
    let wakeUp = wakeUp
    try reactor.add(wakeUp, .readable) { _ in
      var count: UInt64 = 0
      read(wakeUp, &count, MemoryLayout<UInt64>.size)
    }
  }

  deinit {
    close(wakeUp)
  }

  // MARK: - Running

  /// Runs `root` with this loop as its executor, on the calling thread, and returns when it ends. One call at a time: a second one
  /// from another thread, or from inside, ends the process.
  public func run<Outcome: Sendable>(_ root: @escaping @Sendable () async -> Outcome) -> Outcome {
    precondition(thread.enter(), "EventLoop.run is already running")
    defer { thread.leave() }
    let outcome = OutcomeBox<Outcome>()
    Task(executorPreference: self) {
      let value = await root()
      outcome.put(value)
      // The loop may be waiting, where the root's last step ran elsewhere.
      self.perform {}
    }
    var mayBeReady = true
    while true {
      turn(mayBeReady: mayBeReady)
      if let value = outcome.take() {
        return value
      }
      // Whatever the turn made ready has put a job in the inbox; a transfer that it began is due at once for libcurl.
      mayBeReady = !isInboxEmpty || transfers.value.wait(reactor: reactor)
    }
  }

  /// Runs what is due. Tasks that are ready at once get a slice of it, and the rest their turn after timers, descriptors and
  /// transfers had theirs. Descriptors are asked only where one may be ready.
  private func turn(mayBeReady: Bool) {
    let began = now
    defer { turns.withLock { $0.note(began.duration(to: now)) } }
    let (jobs, actions) = inbox.withLock { inbox in
      defer {
        inbox.jobs.removeAll(keepingCapacity: true)
        inbox.actions.removeAll(keepingCapacity: true)
      }
      return (inbox.jobs, inbox.actions)
    }
    for action in actions {
      action()
    }
    for (place, job) in jobs.enumerated() {
      guard began.duration(to: now) < Self.slice else {
        inbox.withLock { $0.jobs.insert(contentsOf: jobs[place...], at: 0) }
        break
      }
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
    reactor.dispatch(mayBeReady: mayBeReady, clock: { now })
    transfers.value.perform()
  }

  private var isInboxEmpty: Bool {
    inbox.withLock { $0.jobs.isEmpty && $0.actions.isEmpty }
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    post { $0.jobs.append(job) }
  }

  /// Runs `action` on the loop's thread, soon.
  public func perform(_ action: @escaping @Sendable () -> Void) {
    post { $0.actions.append(action) }
  }

  private func post(_ change: (inout Inbox) -> Void) {
    inbox.withLock { change(&$0) }
    // A job from the loop's own thread needs no wake-up.
    if thread.isAnother {
      var one: UInt64 = 1
      write(wakeUp, &one, MemoryLayout<UInt64>.size)
    }
  }

  /// How long the turns were so far.
  public var turnCounts: TurnCounts { turns.withLock { $0 } }

  // MARK: - Time

  public var now: Moment {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  public var unixTime: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec)
  }

  public func sleep(until moment: Moment) async throws(CancellationError) {
    let timer = LoopTimer()
    let woken = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        timer.arm(continuation)
        perform { self.reactor.schedule(timer, at: moment) }
      }
    } onCancel: {
      perform { self.reactor.cancel(timer) }
    }
    guard woken, !Task.isCancelled else {
      throw CancellationError()
    }
  }

  // MARK: - Descriptors

  /// Calls `handler` on the loop's thread whenever `descriptor` is ready, until the watch is cancelled. The descriptor stays the
  /// caller's.
  public func watch(
    _ descriptor: Int32, _ readiness: Readiness, _ handler: @escaping @Sendable (Readiness) -> Void
  ) throws(EventLoopFault) -> DescriptorWatch {
    let number = try reactor.add(descriptor, readiness, handler)
    return DescriptorWatch(descriptor: descriptor, number: number, loop: self)
  }
}

/// How long turns of the loop were, since its start. While one lasts, nothing else happens: no answer is read, no timer rings.
public struct TurnCounts: Sendable {
  /// What a turn is to stay below.
  public static let bound = Duration.milliseconds(50)

  public private(set) var longest = Duration.zero
  /// Turns over ``bound``.
  public private(set) var slow = 0

  /// No turn was yet.
  public init() {}

  mutating func note(_ length: Duration) {
    longest = max(longest, length)
    if length > Self.bound {
      slow &+= 1
    }
  }
}

/// A watch over a descriptor; it ends when cancelled.
public struct DescriptorWatch: Sendable {
  let descriptor: Int32
  let number: UInt64
  let loop: EventLoop

  /// Ends the watch; a second call does nothing.
  public func cancel() {
    loop.reactor.remove(descriptor, number)
  }
}

/// What a descriptor can be ready for.
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
  public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
}

/// Why the loop could not be made or could not watch something.
public struct EventLoopFault: Error, Sendable, Equatable, CustomStringConvertible {
  public let call: String
  /// `errno`.
  public let code: Int32

  public init(_ call: String, _ code: Int32) {
    self.call = call
    self.code = code
  }

  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// Where the root task leaves its outcome.
private final class OutcomeBox<Outcome: Sendable>: Sendable {
  private let value = Mutex<Outcome?>(nil)

  func put(_ outcome: Outcome) {
    value.withLock { $0 = outcome }
  }

  func take() -> Outcome? {
    value.withLock { $0 }
  }
}
