import Glibc

/// The spellings of time that AWS uses. All are UTC; numbers are unix time in seconds.
enum AWSFakeTime {
  /// `20260102T030405Z`, as in `X-Amz-Date`.
  static func basic(_ seconds: Int64) -> String { written(seconds, "%Y%m%dT%H%M%SZ") }

  /// `2026-01-02T03:04:05Z`, as in credentials' expiration.
  static func extended(_ seconds: Int64) -> String { written(seconds, "%Y-%m-%dT%H:%M:%SZ") }

  /// As in the `Date` header (RFC 9110 §5.6.7).
  static func http(_ seconds: Int64) -> String { written(seconds, "%a, %d %b %Y %H:%M:%S GMT") }

  static func parse(basic text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else {
      return nil
    }
    let numbers = [0..<4, 4..<6, 6..<8, 9..<11, 11..<13, 13..<15].compactMap {
      Int32(String(decoding: bytes[$0], as: UTF8.self))
    }
    guard numbers.count == 6, numbers.allSatisfy({ $0 >= 0 }) else {
      return nil
    }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
    return Int64(timegm(&parts))
  }

  private static func written(_ seconds: Int64, _ format: String) -> String {
    var moment = time_t(seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let count = strftime(&text, text.count, format, &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
