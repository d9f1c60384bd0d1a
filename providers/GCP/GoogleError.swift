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
  /// Whether the answer is such an error at all: with a number and a canonical code.
  let isThere: Bool

  init(_ json: JSONValue?) {
    let error = json?.member("error")
    let message = error?.member("message")?.text
    isThere = error?.member("code")?.int64 != nil && error?.member("status")?.kind == .string
    status = GoogleWords.code(error?.member("status"))
    reason =
      error?.member("details")?.elements.prefix(16).lazy
      .compactMap { GoogleWords.code($0.member("reason")) }.first
    saysDisabled = message?.contains("DISABLED state") == true
    saysDestroyed = message?.contains("DESTROYED state") == true
  }

  /// ` (PERMISSION_DENIED, SERVICE_DISABLED)`, or nothing.
  var shown: String { GoogleWords.shown([status, reason]) }
}

/// What of a service's words may be shown.
enum GoogleWords {
  /// An error code (`invalid_grant`, `PERMISSION_DENIED`); `nil` for everything that is not plainly one.
  static func code(_ value: JSONValue?) -> String? {
    guard
      let text = value?.text, (1...60).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || $0 == UInt8(ascii: "_") })
    else {
      return nil
    }
    return text
  }

  /// Codes behind a message.
  static func shown(_ codes: [String?]) -> String {
    let codes = codes.compactMap { $0 }
    return codes.isEmpty ? "" : " (\(codes.joined(separator: ", ")))"
  }
}
