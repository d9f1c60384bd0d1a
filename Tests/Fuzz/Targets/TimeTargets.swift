import HTTPTransport
import ProviderKit
import SecretBytes
import Text

/// Durations as documents and settings write them.
struct DurationTarget: FuzzTarget {
  static let name = "Duration"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let text = input.unsafeString(), let duration = try? GoDuration(parsing: text) else {
      return false
    }
    try hold(duration.nanoseconds >= 0, "a duration is not negative")
    try hold((try? GoDuration(parsing: duration.description)) == duration, "a duration reads back as it is shown")
    return true
  }
}

/// Dates: of headers, of answers, and `Retry-After` in both of its forms.
struct DateTarget: FuzzTarget {
  static let name = "Date"

  func read(_ input: SecretBytes) throws(BrokenProperty) -> Bool {
    guard let text = input.unsafeString() else {
      return false
    }
    let dates = [CivilTime(internetText: text), CivilTime(httpText: text)].compactMap { $0 }
    for date in dates {
      try hold(CivilTime(internetText: date.internetText) == date, "a date reads back as it is written")
      try hold(CivilTime(unixTime: date.unixTime) == date, "a date is the day of its second")
    }
    let response = HTTPResponse(status: 429, headers: HTTPFields([("Retry-After", text)]), body: SecretBytes())
    let waits = [0, Int64.max / 2, Int64.min / 2].compactMap { RetryAfter.wait(response, unixTime: $0) }
    for wait in waits {
      try hold((.zero...RetryAfter.longest).contains(wait), "a wait has its bounds")
    }
    return !dates.isEmpty || !waits.isEmpty
  }
}
