/// Takes a command line apart as a POSIX shell does, without expanding anything: words between white space, `'…'` as it stands,
/// `"…"` where a backslash keeps `"` and itself, and a backslash before any other character outside of quotes.
enum ShellWords {
  /// The words, or `nil` where a quotation or an escape does not end.
  static func split(_ line: String) -> [String]? {
    var words: [String] = []
    var word: String?
    func add(_ text: String) { word = word.map { $0 + text } ?? text }
    var rest = line.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case " ", "\t", "\n", "\r":
        if let whole = word {
          words.append(whole)
        }
        word = nil
      case "'":
        guard let quoted = single(&rest) else {
          return nil
        }
        add(quoted)
      case "\"":
        guard let quoted = double(&rest) else {
          return nil
        }
        add(quoted)
      case "\\":
        guard let escaped = rest.popFirst() else {
          return nil
        }
        add(String(escaped))
      default:
        add(String(scalar))
      }
    }
    if let word {
      words.append(word)
    }
    return words
  }

  private static func single(_ rest: inout Substring.UnicodeScalarView) -> String? {
    var text = ""
    while let scalar = rest.popFirst() {
      if scalar == "'" {
        return text
      }
      text.unicodeScalars.append(scalar)
    }
    return nil
  }

  private static func double(_ rest: inout Substring.UnicodeScalarView) -> String? {
    var text = ""
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\"":
        return text
      case "\\":
        guard let escaped = rest.popFirst() else {
          return nil
        }
        if escaped != "\"", escaped != "\\" {
          text.unicodeScalars.append("\\")
        }
        text.unicodeScalars.append(escaped)
      default:
        text.unicodeScalars.append(scalar)
      }
    }
    return nil
  }
}
