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
      let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
      // Bidirectional overrides and line separators can make a line read as another.
      let steersText = (0x200b...0x200f).contains(scalar.value) || (0x2028...0x202e).contains(scalar.value)
      let isolates = (0x2066...0x2069).contains(scalar.value) || scalar.value == 0xfeff
      shown.unicodeScalars.append(isControl || steersText || isolates ? "\u{fffd}" : scalar)
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
