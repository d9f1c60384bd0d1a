import Logging

/// What a field of a log line holds, by its kind, so that JSON numbers are numbers.
public enum LogValue: Sendable, Equatable, ExpressibleByStringLiteral {
  case text(String)
  case integer(Int64)
  case decimal(Double)
  case boolean(Bool)

  public init(stringLiteral text: String) {
    self = .text(text)
  }

  /// What the metadata of a log event holds. A `Duration` is a number of seconds, to the millisecond: its key says so by ending in
  /// `_seconds`. What JSON has no number for is text.
  public init(_ value: Logger.MetadataValue) {
    guard case .stringConvertible(let value) = value else {
      self = .text("\(value)")
      return
    }
    self =
      switch value {
      case let flag as Bool: .boolean(flag)
      case let span as Duration: .decimal(Self.seconds(span))
      case let number as any BinaryInteger: Int64(exactly: number).map(LogValue.integer) ?? .text("\(value)")
      case let number as Double where number.isFinite: .decimal(number)
      default: .text("\(value)")
      }
  }

  private static func seconds(_ span: Duration) -> Double {
    let (seconds, attoseconds) = span.components
    return ((Double(seconds) + Double(attoseconds) / 1e18) * 1000).rounded() / 1000
  }

  /// As it is written without quotes.
  public var description: String {
    switch self {
    case .text(let text): text
    case .integer(let number): String(number)
    case .decimal(let number): String(number)
    case .boolean(let flag): String(flag)
    }
  }

  /// The same without what `hide` takes out. A number that is a secret's value becomes text by that.
  public func hidden(by hide: (String) -> String) -> LogValue {
    let shown = hide(description)
    if case .text = self {
      return .text(shown)
    }
    return shown == description ? self : .text(shown)
  }

  /// Text of at most `longest` characters (Unicode scalars), and `…` in the place of the rest.
  public func cut(atMost longest: Int) -> LogValue {
    guard case .text(let text) = self, text.unicodeScalars.count > longest else {
      return self
    }
    return .text(String(String.UnicodeScalarView(text.unicodeScalars.prefix(longest))) + "…")
  }
}
