/// Text of a document or a server made fit for a message: it can neither flood the terminal nor steer it.
public enum ShownText {
  /// Longest run of characters shown of one name.
  public static let longest = 80

  /// `text` with control characters, and those that steer how text is laid out, replaced; cut to `longest` characters.
  public static func clean(_ text: String, atMost longest: Int = longest) -> String {
    var shown = ""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < longest else {
        return shown + "…"
      }
      count += 1
      shown.unicodeScalars.append(steers(scalar) ? "\u{fffd}" : scalar)
    }
    return shown
  }

  /// Whether it is a control character, or steers how text is laid out: bidirectional overrides and line separators can make a line read
  /// as another.
  public static func steers(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f...0x9f, 0x61c, 0x200b...0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: true
    default: false
    }
  }

  /// The whole of `text` with such characters written out, as `\u{1b}`. No two texts become the same.
  public static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { steers($0) || $0 == "\\" }) else {
      return text
    }
    var shown = ""
    let scalars = Array(text.unicodeScalars)
    for (place, scalar) in scalars.enumerated() {
      // What reads as an escape, and is none.
      let looksEscaped = scalar == "\\" && scalars[place...].dropFirst().starts(with: "u{".unicodeScalars)
      if steers(scalar) || looksEscaped {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// The first of `names`, cleaned, and how many more there are: `A, B, C and 18 more`.
  public static func list(_ names: some Collection<String>, atMost count: Int = 3) -> String {
    let shown = names.prefix(count).map { clean($0) }.joined(separator: ", ")
    let rest = names.count - min(names.count, count)
    return rest > 0 ? "\(shown) and \(rest) more" : shown
  }

  /// Lines that tell why, as one: the first of them, and how many more there are.
  public static func reasons(_ lines: [String], atMost count: Int) -> String {
    let shown = lines.prefix(count).joined(separator: "; ")
    return lines.count > count ? "\(shown); and \(lines.count - count) more" : shown
  }
}
