import EventLoop
import Synchronization

/// A clock that moves only when a test moves it.
public final class ManualTime: TimeSource {
  private struct Sleeper {
    let until: Moment
    let wake: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var now: Moment
    var unix: Int64
    var sleepers: [Int: Sleeper] = [:]
    var next = 0
    var slept: [Duration] = []
    var observers: [(count: Int, resume: CheckedContinuation<Void, Never>)] = []
  }

  private let state: Mutex<State>
  private let skipsSleeps: Bool

  /// - Parameter skipsSleeps: sleeping moves the clock on by itself, so that nothing ever waits.
  public init(skipsSleeps: Bool = false) {
    self.skipsSleeps = skipsSleeps
    self.state = Mutex(State(now: Moment(nanoseconds: 1_000_000_000_000), unix: 1_800_000_000))
  }

  public var now: Moment { state.withLock { $0.now } }
  public var unixTime: Int64 { state.withLock { $0.unix } }
  /// Every sleep asked for, as spans.
  public var slept: [Duration] { state.withLock { $0.slept } }

  /// Moves the clock on and wakes who is due.
  public func advance(by span: Duration) {
    let due = state.withLock { state -> [Sleeper] in
      state.now = state.now.advanced(by: span)
      state.unix += span.components.seconds
      let now = state.now
      let due = state.sleepers.filter { $0.value.until <= now }
      for number in due.keys {
        state.sleepers[number] = nil
      }
      return due.values.sorted { $0.until < $1.until }
    }
    for sleeper in due {
      sleeper.wake.resume(returning: true)
    }
  }

  /// Sets the wall clock alone, as an administrator or NTP does.
  public func setUnixTime(_ seconds: Int64) {
    state.withLock { $0.unix = seconds }
  }

  /// Waits until `count` tasks sleep on this clock.
  public func sleepers(_ count: Int) async {
    await withCheckedContinuation { resume in
      let isThere = state.withLock { state -> Bool in
        if state.sleepers.count >= count {
          return true
        }
        state.observers.append((count, resume))
        return false
      }
      if isThere {
        resume.resume()
      }
    }
  }

  public func sleep(until moment: Moment) async throws(CancellationError) {
    if skipsSleeps {
      let span = now.duration(to: moment)
      state.withLock { $0.slept.append(span) }
      guard !Task.isCancelled else {
        throw CancellationError()
      }
      if span > .zero {
        advance(by: span)
      }
      return
    }
    let number = state.withLock { state in
      state.next += 1
      state.slept.append(state.now.duration(to: moment))
      return state.next
    }
    let woken = await withTaskCancellationHandler {
      await withCheckedContinuation { wake in
        let (atOnce, observers) = state.withLock { state -> (Bool?, [CheckedContinuation<Void, Never>]) in
          if Task.isCancelled {
            return (false, [])
          }
          if moment <= state.now {
            return (true, [])
          }
          state.sleepers[number] = Sleeper(until: moment, wake: wake)
          let count = state.sleepers.count
          let met = state.observers.filter { $0.count <= count }.map(\.resume)
          state.observers.removeAll { $0.count <= count }
          return (nil, met)
        }
        for observer in observers {
          observer.resume()
        }
        if let atOnce {
          wake.resume(returning: atOnce)
        }
      }
    } onCancel: {
      state.withLock { $0.sleepers.removeValue(forKey: number) }?.wake.resume(returning: false)
    }
    guard woken else {
      throw CancellationError()
    }
  }
}
