import Glibc

/// Rows and columns.
struct TerminalSize: Sendable, Equatable {
  let rows: Int
  let columns: Int
}

/// The terminal that standard output is, taken for one screen: the alternate one, without a cursor, keys unseen. To be left before the
/// process ends or is stopped.
struct TerminalScreen: Sendable {
  /// How the terminal of standard input was; `nil`: it is none.
  private let modes: termios?

  /// Whether there is one that understands control sequences.
  static var isThere: Bool {
    isatty(1) == 1 && getenv("TERM").map { !["", "dumb"].contains(String(cString: $0)) } ?? false
  }

  /// As it is now; 24 by 80 where it does not say.
  static var size: TerminalSize {
    var size = winsize()
    guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
      return TerminalSize(rows: 24, columns: 80)
    }
    return TerminalSize(rows: Int(size.ws_row), columns: Int(size.ws_col))
  }

  /// Whether keys can be read.
  var hasKeys: Bool { modes != nil }

  static func enter() -> TerminalScreen {
    var modes = termios()
    let hasKeys = isatty(0) == 1 && tcgetattr(0, &modes) == 0
    let screen = TerminalScreen(modes: hasKeys ? modes : nil)
    screen.take()
    return screen
  }

  /// Also after it was left.
  func take() {
    if var raw = modes {
      // Ctrl-C and its like stay signals. A read returns at once what is there.
      raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
      withUnsafeMutableBytes(of: &raw.c_cc) {
        $0[Int(VMIN)] = 0
        $0[Int(VTIME)] = 0
      }
      tcsetattr(0, TCSANOW, &raw)
    }
    // The alternate screen, no cursor, no wrapping, all erased.
    Self.write("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[2J")
  }

  func leave() {
    Self.write("\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l")
    if var modes {
      tcsetattr(0, TCSANOW, &modes)
    }
  }

  /// Stops the process, as its terminal asks by Ctrl-Z; returns when it goes on.
  func stop() {
    leave()
    kill(getpid(), SIGSTOP)
    take()
  }

  /// Keys that were typed; `nil`: the terminal is gone.
  static func typed() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = read(0, &bytes, bytes.count)
    guard count > 0 else {
      return count < 0 && (errno == EINTR || errno == EAGAIN) ? [] : nil
    }
    return Array(bytes.prefix(count))
  }

  private static func write(_ text: String) {
    var text = text
    text.withUTF8 { _ = Glibc.write(1, $0.baseAddress, $0.count) }
  }
}
