extension ShownText {
  /// A span for people, by its two greatest units: `45s`, `3m20s`, `2h5m`, `12d3h`; what is over has a minus sign.
  public static func span(seconds: Int64) -> String {
    let sign = seconds < 0 ? "-" : ""
    let count = seconds.magnitude
    switch count {
    case ..<60: return "\(sign)\(count)s"
    case ..<3600: return "\(sign)\(count / 60)m\(count % 60)s"
    case ..<86_400: return "\(sign)\(count / 3600)h\(count / 60 % 60)m"
    default: return "\(sign)\(count / 86_400)d\(count / 3600 % 24)h"
    }
  }
}
