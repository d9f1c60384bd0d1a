import CLinux
import Glibc
import Synchronization

/// The loop's epoll descriptor with its handlers, and its timers behind one `timerfd` on CLOCK_BOOTTIME.
final class Reactor: Sendable {
  typealias Handler = @Sendable (Readiness) -> Void

  private struct State {
    var handlers: [Int32: (number: UInt64, handler: Handler)] = [:]
    var lastNumber: UInt64 = 0
    var timers = TimerHeap()
    var armed: Moment?
  }

  let descriptor: Int32
  private let timer: Int32
  private let state = Mutex(State())

  init() throws(EventLoopFault) {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard descriptor >= 0 else {
      throw EventLoopFault("epoll_create1", errno)
    }
    timer = timerfd_create(CLOCK_BOOTTIME, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
    guard timer >= 0 else {
      throw EventLoopFault("timerfd_create", errno)
    }
    try add(timer, .readable) { [unowned self] _ in self.timerRang() }
  }

  deinit {
    close(timer)
    close(descriptor)
  }

  // MARK: - Descriptors

  @discardableResult
  func add(_ watched: Int32, _ readiness: Readiness, _ handler: @escaping Handler) throws(EventLoopFault) -> UInt64 {
    var event = epoll_event()
    event.events = readiness.rawValue
    event.data.fd = watched
    guard epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event) == 0 else {
      throw EventLoopFault("epoll_ctl", errno)
    }
    return state.withLock { state in
      state.lastNumber &+= 1
      state.handlers[watched] = (state.lastNumber, handler)
      return state.lastNumber
    }
  }

  /// Ends the watch that `add` gave this number; does nothing where the descriptor is another's watch by now.
  func remove(_ watched: Int32, _ number: UInt64) {
    let isThere = state.withLock { state in
      guard state.handlers[watched]?.number == number else {
        return false
      }
      state.handlers[watched] = nil
      return true
    }
    if isThere {
      epoll_ctl(descriptor, EPOLL_CTL_DEL, watched, nil)
    }
  }

  /// Calls the handlers of ready descriptors, unless none is known to be, and ends due sleeps, without waiting.
  func dispatch(mayBeReady: Bool = true, clock: () -> Moment) {
    if mayBeReady {
      callHandlers()
    }
    // Read after the timerfd was: a timer that ends between the two would be taken for one that is not due, and never wake.
    fireTimers(clock())
  }

  private func callHandlers() {
    var events = [epoll_event](repeating: epoll_event(), count: 64)
    let ready = max(0, Int(epoll_wait(descriptor, &events, Int32(events.count), 0)))
    for event in events.prefix(ready) {
      let handler = state.withLock { $0.handlers[event.data.fd]?.handler }
      handler?(Readiness(rawValue: event.events))
    }
  }

  // MARK: - Timers

  /// What was armed is spent, whether or not our clock has come as far: some kernels' timers ring some nanoseconds before it has.
  private func timerRang() {
    var count: UInt64 = 0
    read(timer, &count, MemoryLayout<UInt64>.size)
    state.withLock { $0.armed = nil }
  }

  func schedule(_ timer: LoopTimer, at moment: Moment) {
    state.withLock { $0.timers.insert(timer, due: moment) }
    rearm()
  }

  func cancel(_ timer: LoopTimer) {
    timer.finish(false)
    state.withLock { $0.timers.noteCancelled() }
    // The timerfd may be armed for a timer that is gone, and would then ring for nobody.
    rearm()
  }

  private func fireTimers(_ now: Moment) {
    while let due = state.withLock({ $0.timers.popDue(now) }) {
      due.finish(true)
    }
    rearm()
  }

  /// Sets the timerfd to the earliest due time, if that has changed.
  private func rearm() {
    let due = state.withLock { state -> Moment?? in
      guard state.timers.nextDue != state.armed else {
        return .none
      }
      state.armed = state.timers.nextDue
      return .some(state.armed)
    }
    guard let due else {
      return
    }
    // Zero would disarm it; a time that is over fires at once.
    let nanoseconds = due.map { max($0.nanoseconds, 1) } ?? 0
    var setting = itimerspec()
    setting.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
    setting.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
    timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &setting, nil)
  }
}
