/// A moment as Signature Version 4 writes it: `20150830T123600Z`.
struct SigningDate: Sendable, Equatable {
  /// `20150830`
  let day: String
  /// `123600`
  let time: String

  var text: String { "\(day)T\(time)Z" }

  /// Last second of the year 9999; what lies outside is moved to the nearer end.
  static let last: Int64 = 253_402_300_799

  init(wallSeconds: Int64) {
    let seconds = min(max(wallSeconds, 0), Self.last)
    let (year, month, day) = Self.civilDate(daysSince1970: seconds / 86_400)
    let rest = seconds % 86_400
    self.day = Self.padded(year, 4) + Self.padded(month, 2) + Self.padded(day, 2)
    self.time = Self.padded(rest / 3600, 2) + Self.padded(rest / 60 % 60, 2) + Self.padded(rest % 60, 2)
  }

  /// The proleptic Gregorian date of a day that is not before 1970. The year is taken to begin in March, so that the leap day is
  /// its last (Howard Hinnant, https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
  private static func civilDate(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
  }
}
