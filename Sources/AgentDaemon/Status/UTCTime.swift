import Glibc

/// Wall-clock time as RFC 3339 UTC, whole seconds.
enum UTCTime {
  static func text(_ unixTime: Int64) -> String {
    var seconds = time_t(unixTime)
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else {
      return "unknown"
    }
    let date = "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    return "\(date)T\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))Z"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}
