import Glibc

/// Reads a date and time of RFC 3339 as Google writes them: `2026-01-02T03:04:05Z`, with or without a fraction or an offset.
enum InternetTime {
  /// Unix time in whole seconds; `nil` for everything else.
  static func unixTime(_ text: String) -> Int64? {
    let bytes = Array(text.uppercased().utf8)
    guard (20...40).contains(bytes.count), isLike("0000-00-00T00:00:00", bytes[..<19]) else {
      return nil
    }
    var parts = tm()
    parts.tm_year = number(bytes[..<4]) - 1900
    parts.tm_mon = number(bytes[5..<7]) - 1
    parts.tm_mday = number(bytes[8..<10])
    parts.tm_hour = number(bytes[11..<13])
    parts.tm_min = number(bytes[14..<16])
    parts.tm_sec = number(bytes[17..<19])
    var rest = bytes[19...]
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { isDigit($0) }
      rest = digits.isEmpty ? [] : rest.dropFirst(1 + digits.count)
    }
    guard
      (0..<12).contains(parts.tm_mon), (1...31).contains(parts.tm_mday), parts.tm_hour < 24, parts.tm_min < 60,
      parts.tm_sec <= 60, let offset = offset(rest)
    else {
      return nil
    }
    return Int64(timegm(&parts)) - offset
  }

  /// Seconds east of UTC: `Z`, or `+01:00`.
  private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
    if text.elementsEqual("Z".utf8) {
      return 0
    }
    guard let sign = text.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
      isLike("00:00", text.dropFirst())
    else {
      return nil
    }
    let (hours, minutes) = (number(text.dropFirst().prefix(2)), number(text.suffix(2)))
    guard hours < 24, minutes < 60 else {
      return nil
    }
    return Int64(hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
  }

  /// Whether `text` is `form` with any digits in the place of its zeros.
  private static func isLike(_ form: StaticString, _ text: ArraySlice<UInt8>) -> Bool {
    form.withUTF8Buffer { form in
      form.count == text.count && zip(form, text).allSatisfy { $0 == UInt8(ascii: "0") ? isDigit($1) : $0 == $1 }
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int32 { digits.reduce(0) { $0 * 10 + Int32($1 & 15) } }
}
