/// Text of a document made fit for a message: a hostile name can neither flood the terminal nor steer it.
public enum DocumentPath {
  /// Longest run of bytes shown of one name.
  public static let longestShown = 80

  /// `name` with control characters and what is not ASCII's printable range of letters replaced, cut to `longest` characters.
  public static func shown(_ name: String, atMost longest: Int = longestShown) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
      guard text.unicodeScalars.count < longest else {
        return text + "…"
      }
      let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
      // Bidirectional overrides and line separators can make a line read as another.
      let steersText = (0x200b...0x200f).contains(scalar.value) || (0x2028...0x202e).contains(scalar.value)
      let isolates = (0x2066...0x2069).contains(scalar.value) || scalar.value == 0xfeff
      text.unicodeScalars.append(isControl || steersText || isolates ? "\u{fffd}" : scalar)
    }
    return text
  }

  static func join(_ path: String, _ name: String) -> String {
    path.isEmpty ? shown(name) : "\(path).\(shown(name))"
  }
}
