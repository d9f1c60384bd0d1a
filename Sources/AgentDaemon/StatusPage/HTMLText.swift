import Text

/// HTML that is being written: markup is what stands in this program's sources, all else is escaped. So nobody's name becomes markup.
struct HTMLText {
  private(set) var text = ""

  /// Markup, as it stands in the source.
  mutating func markup(_ markup: StaticString) {
    text += markup.description
  }

  /// Somebody's words, for an element or an attribute between double quotes: without what steers how text is laid out, cut to `longest`
  /// characters.
  mutating func words(_ words: String, atMost longest: Int = ShownText.longest) {
    for scalar in ShownText.clean(words, atMost: longest).unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      default: text.unicodeScalars.append(scalar)
      }
    }
  }

  /// Words between two pieces of markup.
  mutating func element(_ start: StaticString, _ words: String, _ end: StaticString, atMost longest: Int = 500) {
    markup(start)
    self.words(words, atMost: longest)
    markup(end)
  }
}
