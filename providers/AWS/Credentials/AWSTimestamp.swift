/// A date as AWS writes it in answers: ISO 8601, `2026-08-07T23:34:47Z`, with a fraction or an offset where there is one.
enum AWSTimestamp {
  /// Seconds since 1970, or `nil` for what is no such date.
  static func seconds(of text: String) -> Int64? {
    var rest = text.utf8[...]
    guard
      let year = number(&rest, digits: 4), take("-", &rest), let month = number(&rest, digits: 2), take("-", &rest),
      let day = number(&rest, digits: 2), take("T", &rest) || take("t", &rest) || take(" ", &rest),
      let hour = number(&rest, digits: 2), take(":", &rest), let minute = number(&rest, digits: 2), take(":", &rest),
      let second = number(&rest, digits: 2)
    else {
      return nil
    }
    if take(".", &rest) {
      rest = rest.drop { (0x30...0x39).contains($0) }
    }
    guard
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60, year >= 1970,
      let offset = offset(&rest), rest.isEmpty
    else {
      return nil
    }
    // At most the year 9999: nothing here can overflow.
    return days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
  }

  private static func number(_ rest: inout Substring.UTF8View, digits: Int) -> Int64? {
    let part = rest.prefix(digits)
    guard part.count == digits, part.allSatisfy({ (0x30...0x39).contains($0) }) else {
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
    guard isEast || take("-", &rest), let hours = number(&rest, digits: 2) else {
      return nil
    }
    _ = take(":", &rest)
    guard let minutes = number(&rest, digits: 2), hours < 24, minutes < 60 else {
      return nil
    }
    return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
  }

  /// Days from 1970-01-01 to a date of the Gregorian calendar
  /// (Howard Hinnant, https://howardhinnant.github.io/date_algorithms.html#days_from_civil).
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted % 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
