import HTTPTransport
import JSONReader

/// The error of a Google API (https://google.aip.dev/193): its codes, and never its message.
struct GoogleError: Sendable, Equatable {
  /// The canonical code, as `PERMISSION_DENIED`.
  let status: String?
  /// `reason` of the first ErrorInfo, as `SERVICE_DISABLED`.
  let reason: String?
  /// Whether the message says so: states of a version have no code of their own.
  let saysDisabled: Bool
  let saysDestroyed: Bool
  /// Whether the answer is such an error at all.
  let isThere: Bool

  init(_ response: HTTPResponse) {
    let error = (try? JSONValue.parse(response.body, limits: .payload))?.member("error")
    let message = error?.member("message")?.text ?? ""
    isThere = error?.kind == .object
    status = GoogleWords.code(error?.member("status")?.text)
    var reason: String?
    for detail in error?.member("details").map({ Array($0.elements.prefix(16)) }) ?? [] where reason == nil {
      reason = GoogleWords.code(detail.member("reason")?.text)
    }
    self.reason = reason
    saysDisabled = message.contains("DISABLED state")
    saysDestroyed = message.contains("DESTROYED state")
  }

  /// ` (PERMISSION_DENIED, SERVICE_DISABLED)`, or nothing.
  var shown: String {
    let codes = [status, reason].compactMap { $0 }
    return codes.isEmpty ? "" : " (\(codes.joined(separator: ", ")))"
  }
}
