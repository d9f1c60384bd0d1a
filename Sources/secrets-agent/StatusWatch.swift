import ArgumentParser
import EventLoop
import Glibc
import JSONReader
import SecretBytes
import Text

/// `status --watch`: the status, over and over, for as long as somebody reads it. A daemon that goes away is waited for.
struct StatusWatch: Sendable {
  static let interval = Duration.seconds(2)

  enum Ending: Sendable {
    /// Whoever reads has seen enough.
    case done
    case signalled(Int32)
    case failed(ExitCode)
  }

  private enum Event: Sendable {
    case answer(Result<StatusReport, LocalAPIFault>)
    case keys([UInt8])
    case signal(Int32)
    case closed
  }

  let daemon: DaemonOptions
  let loop: EventLoop

  private func ask() async -> Result<JSONValue, LocalAPIFault> {
    await daemon.answer(.get, ["v1", "status"], on: loop)
  }

  // MARK: - Into a pipe or file

  /// One after the other, a blank line between them.
  ///
  /// - Parameter render: what is written of an answer.
  func stream(_ render: @Sendable (JSONValue) -> SecretBytes) async -> Ending {
    var hasBegun = false
    var isAway = false
    while true {
      switch await ask() {
      case .failure(let fault):
        // A socket that never answered is the wrong one.
        guard hasBegun else {
          daemon.faults.error(fault)
          return .failed(fault.status.code)
        }
        if !isAway {
          daemon.faults.error(fault)
        }
        isAway = true
      case .success(let answer):
        isAway = false
        if hasBegun, let ending = write(SecretBytes("\n")) {
          return ending
        }
        if let ending = write(render(answer)) {
          return ending
        }
        hasBegun = true
      }
      for _ in 0..<8 {
        guard (try? await loop.sleep(for: Self.interval / 8)) != nil, !StandardOutput.isUnread else {
          return .done
        }
      }
    }
  }

  private func write(_ bytes: SecretBytes) -> Ending? {
    switch StandardOutput.write(bytes) {
    case nil: return nil
    case EPIPE?, EIO?: return .done
    case let code?:
      daemon.faults.error("standard output: \(String(cString: strerror(code)))", ["class": "output"])
      return .failed(ExitStatus.cannotCreate.code)
    }
  }

  // MARK: - On a terminal

  /// One screen, drawn anew at each answer.
  func screen() async -> Ending {
    let report: StatusReport
    switch await ask() {
    case .failure(let fault):
      daemon.faults.error(fault)
      return .failed(fault.status.code)
    case .success(let answer): report = StatusReport(answer)
    }
    let (events, inbox) = AsyncStream.makeStream(of: Event.self)
    let signals: SignalSequence
    do throws(EventLoopFault) {
      signals = try loop.signals([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH])
    } catch {
      daemon.faults.error("signals cannot be watched: \(error)")
      return .failed(ExitStatus.invalidConfiguration.code)
    }
    let hearing = [Task(executorPreference: loop) { await Self.pass(signals, to: inbox) }, poll(inbox)]
    // From here on no signal ends the process before the terminal is as it was.
    let terminal = TerminalScreen.enter()
    let keys = terminal.hasKeys ? watchKeys(inbox) : nil
    defer {
      terminal.leave()
      keys?.cancel()
      signals.cancel()
      for task in hearing {
        task.cancel()
      }
    }
    return await follow(events, StatusScreen(report, at: loop.unixTime, on: TerminalScreen.size), terminal)
  }

  private func follow(
    _ events: AsyncStream<Event>, _ screen: StatusScreen, _ terminal: TerminalScreen
  ) async -> Ending {
    var screen = screen
    var reader = StatusKeyReader()
    let colors = Terminal.colors(1)
    guard draw(screen, colors) else {
      return .done
    }
    for await event in events {
      switch event {
      case .answer(.success(let report)): screen.show(report, at: loop.unixTime)
      case .answer(.failure(let fault)): screen.miss(fault.line, at: loop.unixTime)
      case .keys(let bytes):
        let keys = reader.keys(in: bytes)
        guard !keys.contains(.quit) else {
          return .done
        }
        for key in keys {
          screen.press(key)
        }
      case .signal(SIGWINCH): screen.resize(TerminalScreen.size)
      case .signal(SIGTSTP):
        terminal.stop()
        screen.resize(TerminalScreen.size)
      case .signal(let number): return .signalled(number)
      case .closed: return .done
      }
      guard draw(screen, colors) else {
        return .done
      }
    }
    return .done
  }

  /// - Returns: whether it could be written.
  private func draw(_ screen: StatusScreen, _ colors: Bool) -> Bool {
    StandardOutput.write(SecretBytes(screen.text(colors: colors))) == nil
  }

  private static func pass(_ signals: SignalSequence, to inbox: AsyncStream<Event>.Continuation) async {
    for await signal in signals {
      inbox.yield(.signal(signal.number))
    }
  }

  private func poll(_ inbox: AsyncStream<Event>.Continuation) -> Task<Void, Never> {
    Task(executorPreference: loop) {
      while (try? await loop.sleep(for: Self.interval)) != nil {
        let answer = await ask()
        inbox.yield(StandardOutput.isUnread ? .closed : .answer(answer.map(StatusReport.init)))
      }
    }
  }

  private func watchKeys(_ inbox: AsyncStream<Event>.Continuation) -> DescriptorWatch? {
    try? loop.watch(0, .readable) { _ in
      inbox.yield(TerminalScreen.typed().map { .keys($0) } ?? .closed)
    }
  }
}
