/// A moment as calendars write it, in UTC and whole seconds, within the years 0 to 9999.
///
/// Read and written by form, never by the locale.
public struct CivilTime: Sendable, Equatable {
  /// The first second of the year 0, and the last one of 9999.
  static let range: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

  public let unixTime: Int64
  public let year: Int64
  public let month: Int64
  public let day: Int64

  /// - Parameter unixTime: what lies outside the range is moved to its nearer end.
  public init(unixTime: Int64) {
    self.unixTime = min(max(unixTime, Self.range.lowerBound), Self.range.upperBound)
    (year, month, day) = Self.date(daysSince1970: Self.quotient(self.unixTime, 86_400))
  }

  /// `nil` where there is no such day or hour, or it lies outside the range. A leap second counts as the one after it.
  public init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64, east offset: Int64 = 0)
  {
    guard
      (0...9999).contains(year), (1...12).contains(month), (1...31).contains(day), (0..<24).contains(hour),
      (0..<60).contains(minute), (0...60).contains(second), abs(offset) < 86_400
    else {
      return nil
    }
    let seconds = Self.days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    guard Self.range.contains(seconds) else {
      return nil
    }
    self.init(unixTime: seconds)
  }

  // MARK: - Written

  /// RFC 3339: `2026-08-07T23:34:47Z`.
  public var internetText: String {
    "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))T\(time(separator: ":"))Z"
  }

  /// As Signature Version 4 writes it: `20150830T123600Z`.
  public var compactText: String { "\(compactDay)T\(time())Z" }

  /// `20150830`
  public var compactDay: String { Self.padded(year, 4) + Self.padded(month) + Self.padded(day) }

  /// `123600`, or with `separator` between.
  private func time(separator: String = "") -> String {
    let rest = unixTime - Self.quotient(unixTime, 86_400) * 86_400
    return [rest / 3600, rest / 60 % 60, rest % 60].map { Self.padded($0) }.joined(separator: separator)
  }

  private static func padded(_ number: Int64, _ width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
  }

  // MARK: - Read

  /// RFC 3339 and ISO 8601 as the clouds write it: `2026-08-07T23:34:47Z`, with a fraction, which is dropped, or an offset as `+02:00` or
  /// `+0200`; `t`, `z` and a blank in the place of `T` are taken.
  public init?(internetText text: String) {
    var rest = text.utf8[...]
    guard
      rest.count <= Self.longestText, let year = Self.number(&rest, digits: 4), Self.take("-", &rest),
      let month = Self.number(&rest), Self.take("-", &rest),
      let day = Self.number(&rest), Self.take("T", &rest) || Self.take("t", &rest) || Self.take(" ", &rest),
      let hour = Self.number(&rest), Self.take(":", &rest), let minute = Self.number(&rest), Self.take(":", &rest),
      let second = Self.number(&rest)
    else {
      return nil
    }
    if Self.take(".", &rest) {
      let digits = rest.prefix { $0.isDigit }
      guard !digits.isEmpty else {
        return nil
      }
      rest = rest.dropFirst(digits.count)
    }
    guard let offset = Self.offset(&rest), rest.isEmpty else {
      return nil
    }
    self.init(year: year, month: month, day: day, hour: hour, minute: minute, second: second, east: offset)
  }

  /// HTTP's own form (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
  public init?(httpText text: String) {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard text.utf8.count <= 64, words.count == 6, words[5] == "GMT",
      Self.weekdays.contains(words[0]), let month = Self.months.firstIndex(where: { $0 == words[2] })
    else {
      return nil
    }
    var (day, year, time) = (words[1].utf8[...], words[3].utf8[...], words[4].utf8[...])
    guard
      let dayNumber = Self.number(&day), let yearNumber = Self.number(&year, digits: 4), day.isEmpty, year.isEmpty,
      let hour = Self.number(&time), Self.take(":", &time), let minute = Self.number(&time), Self.take(":", &time),
      let second = Self.number(&time), time.isEmpty
    else {
      return nil
    }
    self.init(
      year: yearNumber, month: Int64(month) + 1, day: dayNumber, hour: hour, minute: minute, second: second)
  }

  /// With as many digits of a fraction as anybody writes.
  private static let longestText = 40
  private static let weekdays: [Substring] = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  private static func number(_ rest: inout Substring.UTF8View, digits: Int = 2) -> Int64? {
    let part = rest.prefix(digits)
    guard part.count == digits, part.allSatisfy(\.isDigit) else {
      return nil
    }
    rest = rest.dropFirst(digits)
    return Int64(Substring(part))
  }

  private static func take(_ mark: Unicode.Scalar, _ rest: inout Substring.UTF8View) -> Bool {
    guard let first = rest.first, UInt32(first) == mark.value else {
      return false
    }
    rest = rest.dropFirst()
    return true
  }

  /// `Z`, `+02:00` or `+0200`, in seconds east of Greenwich.
  private static func offset(_ rest: inout Substring.UTF8View) -> Int64? {
    if take("Z", &rest) || take("z", &rest) {
      return 0
    }
    let isEast = take("+", &rest)
    guard isEast || take("-", &rest), let hours = number(&rest) else {
      return nil
    }
    _ = take(":", &rest)
    guard let minutes = number(&rest), hours < 24, minutes < 60 else {
      return nil
    }
    return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
  }

  // MARK: - The Gregorian calendar

  /// Days from 1970-01-01 (Howard Hinnant, https://howardhinnant.github.io/date_algorithms.html#days_from_civil).
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = quotient(shifted, 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  /// Rounded down.
  private static func quotient(_ number: Int64, _ divisor: Int64) -> Int64 {
    number >= 0 ? number / divisor : (number + 1) / divisor - 1
  }

  /// The date of a day. The year is taken to begin in March, so that the leap day is its last
  /// (https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
  private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = quotient(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
