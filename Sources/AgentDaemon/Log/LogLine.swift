/// One record of the log as a line: an event in fixed words, and what varies as fields.
public struct LogLine: Sendable {
  /// Time in RFC 3339; `nil` where whoever reads the line stamps it, as journald does.
  public let time: String?
  public let level: String
  public let message: String
  private let fields: [(key: String, value: LogValue)]

  /// Fields keep their order. A key that the line has anyway (`time`, `level`, `message`) gets a `_` behind it.
  public init(time: String?, level: String, message: String, fields: [(key: String, value: LogValue)]) {
    self.time = time
    self.level = level
    self.message = message
    self.fields = fields.map { (Self.key($0.key), $0.value) }
  }

  /// logfmt: `key=value` with spaces between; a value that is empty or holds a space, a quote, a `=` or anything that could steer a
  /// terminal is quoted, with JSON's escapes.
  public var logfmt: String {
    members.map { key, value in
      if case .text(let text) = value, Self.needsQuotes(text) {
        return "\(key)=\(Self.quoted(text))"
      }
      return "\(key)=\(value.description)"
    }.joined(separator: " ")
  }

  /// One JSON object.
  public var json: String {
    let members = members.map { key, value in
      if case .text(let text) = value {
        return "\(Self.quoted(key)):\(Self.quoted(text))"
      }
      return "\(Self.quoted(key)):\(value.description)"
    }
    return "{\(members.joined(separator: ","))}"
  }

  private var members: [(key: String, value: LogValue)] {
    let start = time.map { [(key: "time", value: LogValue.text($0))] } ?? []
    return start + [("level", .text(level)), ("message", .text(message))] + fields
  }

  // MARK: - Keys and quotes

  private static func key(_ key: String) -> String {
    let scalars = key.unicodeScalars.map { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".": scalar
      default: "_" as Unicode.Scalar
      }
    }
    let key = String(String.UnicodeScalarView(scalars))
    return ["", "time", "level", "message"].contains(key) ? key + "_" : key
  }

  private static func needsQuotes(_ text: String) -> Bool {
    text.isEmpty
      || text.unicodeScalars.contains { scalar in
        scalar == " " || scalar == "\"" || scalar == "=" || scalar == "\\" || isEscaped(scalar)
      }
  }

  /// Control characters, and those that make a line read as another: line separators, bidirectional overrides.
  private static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f...0x9f, 0x200b...0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: true
    default: false
    }
  }

  /// A string of JSON, which is also how logfmt quotes.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case _ where isEscaped(scalar):
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
