import Text

/// One line on a terminal: pieces of text, each in its style.
struct StatusLine: Sendable, Equatable {
  enum Style: String {
    case plain = ""
    case strong = "1"
    case faint = "2"
    case bad = "31"
    case warning = "33"
    case good = "32"
    case bar = "7"
  }

  struct Piece: Sendable, Equatable {
    var text: String
    var style: Style
  }

  private(set) var pieces: [Piece]

  init(_ pieces: [Piece] = []) {
    self.pieces = pieces
  }

  init(_ text: String, _ style: Style = .plain) {
    pieces = [Piece(text: text, style: style)]
  }

  mutating func add(_ text: String, _ style: Style = .plain) {
    pieces.append(Piece(text: text, style: style))
  }

  /// Columns that it takes.
  var width: Int { pieces.reduce(0) { $0 + DisplayWidth.of($1.text) } }

  /// What is written for it; styles by SGR sequences (ECMA-48, 8.3.117).
  func text(colors: Bool) -> String {
    pieces.map { piece in
      colors && piece.style != .plain ? "\u{1b}[\(piece.style.rawValue)m\(piece.text)\u{1b}[0m" : piece.text
    }.joined()
  }

  /// The line cut to `columns`.
  func cut(to columns: Int) -> StatusLine {
    guard width > columns else {
      return self
    }
    var cut = StatusLine()
    var left = columns
    for piece in pieces where left > 0 {
      let width = DisplayWidth.of(piece.text)
      // What follows does not fit: the piece ends in the sign of it.
      let text = width < left ? piece.text : DisplayWidth.cut(piece.text + " ", to: left)
      cut.add(text, piece.style)
      left -= DisplayWidth.of(text)
    }
    return cut
  }

  /// The line in as many as it takes, at blanks where there are any; those after the first are indented.
  func folded(to columns: Int, indent: Int = 2) -> [StatusLine] {
    let room = columns - indent
    guard width > columns, room >= 8 else {
      return [self]
    }
    var lines: [StatusLine] = []
    var line = StatusLine()
    func end() {
      // The blanks at which it is folded would be wider than the screen.
      lines.append(line.withoutTrailingBlanks)
      line = StatusLine(String(repeating: " ", count: indent))
    }
    for piece in pieces {
      for word in Self.words(piece.text) {
        var rest = word
        if line.width + DisplayWidth.of(Self.trimmed(rest)) > columns, line.width > indent {
          end()
        }
        while line.width + DisplayWidth.of(Self.trimmed(rest)) > columns {
          let head = DisplayWidth.head(rest, columns - line.width)
          guard !head.isEmpty else {
            break
          }
          line.add(head, piece.style)
          rest.unicodeScalars.removeFirst(head.unicodeScalars.count)
          end()
        }
        line.add(rest, piece.style)
      }
    }
    lines.append(line.withoutTrailingBlanks)
    return lines
  }

  private var withoutTrailingBlanks: StatusLine {
    var line = self
    while let last = line.pieces.popLast() {
      let text = Self.trimmed(last.text)
      guard text.isEmpty else {
        line.pieces.append(Piece(text: text, style: last.style))
        break
      }
    }
    return line
  }

  /// `text` in words, each with the blanks behind it.
  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var hasEnded = false
    for character in text {
      if hasEnded, character != " " {
        words.append(word)
        word = ""
      }
      hasEnded = character == " "
      word.append(character)
    }
    return words + [word]
  }

  private static func trimmed(_ word: String) -> String {
    var word = word
    while word.last == " " {
      word.removeLast()
    }
    return word
  }
}
