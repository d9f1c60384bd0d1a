import HTTPTransport
import Text

/// The `Retry-After` header (RFC 9110 §10.2.3): seconds, or an HTTP date.
public enum RetryAfter {
  /// Longest wait that is believed; a server that asks for more is asked again after this.
  public static let longest: Duration = .seconds(3600)

  /// How long to wait from `unixTime`, or `nil` without a header that can be read.
  public static func wait(_ response: HTTPResponse, unixTime: Int64) -> Duration? {
    guard let text = response.headers.first("Retry-After") else {
      return nil
    }
    if let seconds = Int64(text) {
      return seconds < 0 ? nil : min(.seconds(seconds), longest)
    }
    guard let date = CivilTime(httpText: text) else {
      return nil
    }
    return min(.seconds(max(date.unixTime - unixTime, 0)), longest)
  }
}
