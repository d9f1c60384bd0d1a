import Text

/// What `status --watch` has on its one screen: the headline, as much of the table as there is room for, and a bar.
struct StatusScreen {
  private var size: TerminalSize
  private var table: StatusTable
  /// Unix time at which the table was told.
  private var moment: Int64
  /// Since when the daemon gives no answer, and how it fails to.
  private var away: (since: Int64, now: Int64, reason: String)?
  private var body: [StatusLine]
  /// Which of its lines has the columns' titles.
  private var titles: Int?
  private var first = 0

  init(_ report: StatusReport, at moment: Int64, on size: TerminalSize) {
    self.size = size
    self.moment = moment
    table = StatusTable(report: report)
    (body, titles) = table.layout(width: size.columns)
  }

  mutating func show(_ report: StatusReport, at moment: Int64) {
    away = nil
    self.moment = moment
    table = StatusTable(report: report)
    lay()
  }

  /// The daemon gave no answer at `moment`; what it told last stays.
  mutating func miss(_ reason: String, at moment: Int64) {
    away = (away?.since ?? moment, moment, reason)
    first = min(first, last)
  }

  mutating func resize(_ size: TerminalSize) {
    self.size = size
    lay()
  }

  mutating func press(_ key: StatusKey) {
    let page = max(room - 1, 1)
    switch key {
    case .up: first -= 1
    case .down: first += 1
    case .pageUp: first -= page
    case .pageDown: first += page
    case .home: first = 0
    case .end: first = last
    case .quit: break
    }
    first = min(max(first, 0), last)
  }

  private mutating func lay() {
    (body, titles) = table.layout(width: size.columns)
    first = min(first, last)
  }

  /// Lines between the top and the bar.
  private var room: Int { max(size.rows - (away == nil ? 2 : 3), 0) }
  /// The first line where the end is shown.
  private var last: Int { max(body.count - room, 0) }

  /// Exactly as many lines as the screen has, none wider than it.
  var lines: [StatusLine] {
    var lines = [table.headline]
    if let away {
      let span = ShownText.span(seconds: away.now - away.since)
      lines.append(
        StatusLine("daemon away since \(CivilTime(unixTime: away.since).internetText) (\(span)): \(away.reason)", .bad))
    }
    var shown = Array(body.dropFirst(first).prefix(room))
    if let pinned, !shown.isEmpty {
      shown[0] = pinned
    }
    lines += shown
    lines += Array(repeating: StatusLine(), count: max(size.rows - 1 - lines.count, 0))
    lines.append(bar)
    return lines.prefix(size.rows).map { $0.cut(to: size.columns) }
  }

  /// The columns' titles, which stay on top of what is scrolled past them.
  private var pinned: StatusLine? { titles.flatMap { $0 < first ? body[$0] : nil } }

  private var bar: StatusLine {
    let shown = min(first + room, body.count)
    let place = body.isEmpty ? "" : "\(min(first + (pinned == nil ? 1 : 2), shown))-\(shown) of \(body.count)  "
    let text = " \(CivilTime(unixTime: moment).internetText)  \(place)up down PgUp PgDn Home End, q ends"
    return StatusLine(DisplayWidth.padded(text, to: size.columns), .bar)
  }

  /// What is written to draw it over what was there. Each line is placed by itself (CUP), and only what is right of it is erased (EL):
  /// nothing flickers, and nothing scrolls.
  func text(colors: Bool) -> String {
    lines.enumerated().map { row, line in
      let rest = line.width < size.columns ? "\u{1b}[K" : ""
      // The bar is one without colours, too.
      let text = line.text(colors: colors || row == size.rows - 1)
      return "\u{1b}[\(row + 1);1H\(text)\(rest)"
    }.joined()
  }
}
