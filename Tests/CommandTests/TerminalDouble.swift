/// A terminal as far as the agent uses one (ECMA-48, and xterm's private modes 7, 25 and 1049). Whatever else it is sent is kept as unknown.
struct TerminalDouble {
  private(set) var rows: Int
  private(set) var columns: Int
  private var main: [[Character]] = []
  private var other: [[Character]] = []
  private var row = 0
  private var column = 0
  private(set) var isAlternate = false
  private(set) var hasCursor = true
  private(set) var wraps = true
  private(set) var hasColors = false
  /// Sequences that it does not know, and lines that were too long.
  private(set) var faults: [String] = []
  private var pending: [UInt8] = []

  init(rows: Int, columns: Int) {
    (self.rows, self.columns) = (rows, columns)
    main = blank
    other = blank
  }

  private var blank: [[Character]] { Array(repeating: Array(repeating: " ", count: columns), count: rows) }

  mutating func resize(rows: Int, columns: Int) {
    (self.rows, self.columns) = (rows, columns)
    (main, other) = (blank, blank)
    (row, column) = (0, 0)
  }

  /// Of a frame for another size that was under way when the window changed.
  mutating func forgetFaults() { faults = [] }

  /// What it shows, without blanks at the ends of lines.
  var lines: [String] {
    (isAlternate ? other : main).map { cells in
      String(String(cells).reversed().drop { $0 == " " }.reversed())
    }
  }

  mutating func feed(_ bytes: some Sequence<UInt8>) {
    pending += bytes
    // A sequence or character that is not whole waits for the rest.
    while let length = wholeLength() {
      let piece = Array(pending.prefix(length))
      pending.removeFirst(length)
      piece[0] == 0x1b ? obey(String(decoding: piece.dropFirst(), as: UTF8.self)) : show(piece)
    }
  }

  private func wholeLength() -> Int? {
    guard let first = pending.first else { return nil }
    if first == 0x1b {
      guard pending.count > 1 else { return nil }
      guard pending[1] == UInt8(ascii: "[") else { return 2 }
      return pending.dropFirst(2).firstIndex { (0x40...0x7e).contains($0) }.map { $0 + 1 }
    }
    let length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    return pending.count >= length ? length : nil
  }

  private mutating func show(_ bytes: [UInt8]) {
    switch bytes[0] {
    case 0x0d: column = 0
    case 0x0a:
      row = min(row + 1, rows - 1)
    case 0x00..<0x20, 0x7f: faults.append("control \(bytes[0])")
    default:
      let text = String(decoding: bytes, as: UTF8.self)
      guard column < columns else {
        faults.append("beyond the edge in row \(row): \(text)")
        return
      }
      cells[row][column] = Character(text)
      column += Self.isWide(text) ? 2 : 1
    }
  }

  /// Hangul and Han, which is all that tests write of the wide ones.
  private static func isWide(_ text: String) -> Bool {
    text.unicodeScalars.contains { (0xac00...0xd7a3).contains($0.value) || (0x4e00...0x9fff).contains($0.value) }
  }

  private var cells: [[Character]] {
    get { isAlternate ? other : main }
    set {
      if isAlternate { other = newValue } else { main = newValue }
    }
  }

  private mutating func obey(_ sequence: String) {
    let numbers = sequence.dropFirst().dropLast().split(separator: ";").compactMap { Int($0) }
    switch (sequence, sequence.last) {
    case ("[?1049h", _):
      isAlternate = true
      other = blank
    case ("[?1049l", _): isAlternate = false
    case ("[?25h", _): hasCursor = true
    case ("[?25l", _): hasCursor = false
    case ("[?7h", _): wraps = true
    case ("[?7l", _): wraps = false
    case ("[2J", _):
      cells = blank
    case ("[K", _):
      for place in column..<max(columns, column) { cells[row][place] = " " }
    case (_, "H") where numbers.count == 2 && (1...rows).contains(numbers[0]) && (1...columns).contains(numbers[1]):
      (row, column) = (numbers[0] - 1, numbers[1] - 1)
    case (_, "m"): hasColors = hasColors || numbers.contains { (30...37).contains($0) }
    default: faults.append("unknown \(sequence)")
    }
  }
}
