import Foundation
import Glibc
import TestSupport
import Testing

/// A pseudo-terminal, the agent as the leader of a session on it, and what a terminal would show of what that writes.
final class PseudoTerminal {
  /// TIOCSPTLCK and TIOCGPTN of ioctl_tty(2).
  private static let unlock: UInt = 0x4004_5431
  private static let number: UInt = 0x8004_5430

  private var master: Int32
  private(set) var shown: TerminalDouble
  let pid: pid_t

  init(_ command: [String], rows: Int, columns: Int, environment: [String: String] = [:]) throws {
    // As posix_openpt(3), unlockpt(3) and ptsname(3) do it, which Swift's Glibc does not show.
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
    var (number, lock): (UInt32, Int32) = (0, 0)
    guard master >= 0, ioctl(master, Self.unlock, &lock) == 0, ioctl(master, Self.number, &number) == 0 else {
      throw Broken("no pseudo-terminal: \(String(cString: strerror(errno)))")
    }
    let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    defer { close(terminal) }
    shown = TerminalDouble(rows: rows, columns: columns)
    Self.set(master, rows, columns)
    let basics = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "TERM": "xterm-256color"]
    pid = try spawn(
      ["setsid", "--ctty"] + command, environment: basics.merging(environment) { $1 }, input: terminal,
      output: terminal, error: terminal)
  }

  deinit {
    hangUp()
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  private static func set(_ master: Int32, _ rows: Int, _ columns: Int) {
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  /// As a window that is drawn larger or smaller; what was shown is gone, and has to be drawn anew.
  func resize(rows: Int, columns: Int) {
    read()
    shown.resize(rows: rows, columns: columns)
    Self.set(master, rows, columns)
  }

  func forgetFaults() { shown.forgetFaults() }

  func type(_ keys: String) {
    var keys = keys
    keys.withUTF8 { _ = write(master, $0.baseAddress, $0.count) }
  }

  /// The window is closed.
  func hangUp() {
    if master >= 0 {
      close(master)
      master = -1
    }
  }

  /// Takes in what was written so far.
  private func read() {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while master >= 0 {
      let count = Glibc.read(master, &bytes, bytes.count)
      guard count > 0 else { return }
      shown.feed(bytes.prefix(count))
    }
  }

  /// Waits until the screen is as `condition` says; false where the agent ended without.
  func reach(_ condition: (TerminalDouble) throws -> Bool) async throws -> Bool {
    while true {
      let isOver = status() != nil
      read()
      if try condition(shown) { return true }
      if isOver { return false }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// How it ended, as wait(2) says it.
  func ended() async throws -> Int32 {
    while true {
      read()
      if let status = status() {
        read()
        return status
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private var ending: Int32?

  private func status() -> Int32? {
    var status: Int32 = 0
    if ending == nil, waitpid(pid, &status, WNOHANG) == pid {
      ending = status
    }
    return ending
  }

  /// Whether it is stopped, as by Ctrl-Z.
  var isStopped: Bool {
    let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    return stat.split(separator: ")").last?.hasPrefix(" T") == true
  }
}
