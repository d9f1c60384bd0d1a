import Glibc
import Logging

/// Whether journald reads a descriptor, and how it is told how much a line matters (systemd.exec(5), `$JOURNAL_STREAM`; sd-daemon(3)).
public enum JournalStream {
  /// Whether what is written to `descriptor` goes to journald itself: `variable` names the device and inode of the stream that the
  /// service manager connected, and a redirection makes that another file.
  /// - Parameter variable: `$JOURNAL_STREAM`, as `8:1234`.
  public static func reads(_ descriptor: Int32, variable: String?) -> Bool {
    let parts = variable?.split(separator: ":", omittingEmptySubsequences: false) ?? []
    var status = stat()
    guard parts.count == 2, let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
      fstat(descriptor, &status) == 0
    else {
      return false
    }
    return status.st_dev == device && status.st_ino == inode
  }

  /// The prefix that gives a line its priority: `<3>` for an error, so that `journalctl -p err` finds it.
  public static func prefix(_ level: Logger.Level) -> String {
    switch level {
    case .trace, .debug: "<7>"
    case .info: "<6>"
    case .notice: "<5>"
    case .warning: "<4>"
    case .error: "<3>"
    case .critical: "<2>"
    }
  }
}
