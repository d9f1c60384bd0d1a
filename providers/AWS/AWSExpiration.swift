import Glibc

/// The end of credentials as AWS writes it: `2026-08-07T23:34:47Z`.
enum AWSExpiration {
  /// - Parameter seconds: unix time; what lies outside the years 1970 to 9999 is moved to the nearer end.
  static func text(_ seconds: Int64) -> String {
    var moment = time_t(min(max(seconds, 0), 253_402_300_799))
    var parts = tm()
    guard gmtime_r(&moment, &parts) != nil else {
      return ""
    }
    let date = [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday].map(padded).joined(separator: "-")
    let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(padded).joined(separator: ":")
    return "\(date)T\(time)Z"
  }

  private static func padded(_ number: Int32) -> String {
    number < 10 ? "0\(number)" : String(number)
  }
}
