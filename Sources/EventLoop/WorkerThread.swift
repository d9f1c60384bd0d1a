import CLinux
import Glibc
import Synchronization

/// A second thread for what would keep the loop from answering: writes that wait for a disk, work on documents of ten thousand
/// secrets. It does one thing after the other, in the order in which they were asked for, and owns no state: what it is given is
/// Sendable, and what it makes goes back. It starts with its first work.
public final class WorkerThread: Sendable {
  private struct State {
    var work: [@Sendable () -> Void] = []
    var isRunning = false
    var isEnding = false
  }

  /// What the thread holds on to; the worker itself may go while it waits.
  private final class Queue: Sendable {
    let state = Mutex(State())
    let count: Int32

    init(count: Int32) {
      self.count = count
    }

    deinit {
      close(count)
    }

    func post(_ change: (inout State) -> Void) {
      state.withLock { change(&$0) }
      var one: UInt64 = 1
      write(count, &one, MemoryLayout<UInt64>.size)
    }

    func serve() {
      while true {
        let (work, isEnding) = state.withLock { state in
          defer { state.work = [] }
          return (state.work, state.isEnding)
        }
        for each in work {
          each()
        }
        if work.isEmpty {
          guard !isEnding else {
            return
          }
          var news: UInt64 = 0
          read(count, &news, MemoryLayout<UInt64>.size)
        }
      }
    }
  }

  private let queue: Queue

  /// - Throws: where the kernel gives no descriptor.
  public init() throws(EventLoopFault) {
    let count = eventfd(0, Int32(EFD_CLOEXEC))
    guard count >= 0 else {
      throw EventLoopFault("eventfd", errno)
    }
    queue = Queue(count: count)
  }

  deinit {
    queue.post { $0.isEnding = true }
  }

  /// Does `work` on the worker's thread. Where the kernel gives no thread, it is done on the caller's, which is slower for all else.
  ///
  /// - Throws: what `work` throws.
  public func run<Outcome: Sendable, Fault: Error>(
    _ work: @escaping @Sendable () throws(Fault) -> Outcome
  ) async throws(Fault) -> Outcome {
    guard start() else {
      return try work()
    }
    let outcome: Result<Outcome, Fault> = await withCheckedContinuation { continuation in
      queue.post { $0.work.append { continuation.resume(returning: Result(catching: work)) } }
    }
    return try outcome.get()
  }

  /// Does `work` on `worker`'s thread, or, where there is none, on the caller's.
  public static func run<Outcome: Sendable, Fault: Error>(
    on worker: WorkerThread?, _ work: @escaping @Sendable () throws(Fault) -> Outcome
  ) async throws(Fault) -> Outcome {
    guard let worker else {
      return try work()
    }
    return try await worker.run(work)
  }

  private func start() -> Bool {
    queue.state.withLock { state in
      guard !state.isRunning else {
        return true
      }
      linux_use_one_heap()
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { queue in
          if let queue {
            Unmanaged<Queue>.fromOpaque(queue).takeRetainedValue().serve()
          }
          return nil
        }, Unmanaged.passRetained(queue).toOpaque())
      guard code == 0 else {
        Unmanaged.passUnretained(queue).release()
        return false
      }
      pthread_detach(thread)
      state.isRunning = true
      return true
    }
  }
}
