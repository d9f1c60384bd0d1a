import Text

/// A status in lines: what is wrong first, then every execution and secret in aligned columns.
struct StatusTable {
  /// One of the columns of secrets.
  private struct Column: Sendable {
    let title: String
    /// What it is narrowed to where room is short.
    let least: Int
    let text: @Sendable (StatusReport.Secret) -> String?
  }

  private static let columns = [
    Column(title: "SECRET", least: 16) { $0.name },
    Column(title: "STATE", least: 7) { $0.standing.rawValue },
    Column(title: "AGE", least: 6) { $0.age.map { ShownText.span(seconds: $0) } },
    Column(title: "NEXT", least: 6) { $0.nextRefresh.map { ShownText.span(seconds: $0) } },
    Column(title: "ENDS", least: 6) { $0.expiresIn.map { ShownText.span(seconds: $0) } },
    Column(title: "VERSION", least: 8) { $0.version },
    Column(title: "PROVIDER", least: 8) { $0.provider },
    Column(title: "REFERENCE", least: 12) { $0.reference },
  ]

  /// Which of them give way, in this order.
  private static let yielding = [7, 5, 6, 0]

  let report: StatusReport

  /// `1 of 3 executions ready; 60 secrets: 56 live, 1 late, 0 stale, 3 failing`
  var headline: StatusLine {
    var line = counts
    if report.refusedDocuments > 0 {
      line.add("; ")
      line.add("\(Count(Int(clamping: report.refusedDocuments), "document")) refused", .bad)
    }
    return line
  }

  private var counts: StatusLine {
    guard !report.executions.isEmpty else {
      return StatusLine("no executions", .strong)
    }
    let ready = report.executions.count(where: \.isReady)
    var line = StatusLine(
      "\(ready) of \(Count(report.executions.count, "execution")) ready", report.isReady ? .good : .bad)
    var counts: [StatusReport.Standing: Int] = [:]
    for secret in report.executions.lazy.flatMap(\.secrets) {
      counts[secret.standing, default: 0] += 1
    }
    line.add("; \(Count(counts.values.reduce(0, +), "secret")): ")
    for (place, standing) in [StatusReport.Standing.live, .late, .stale, .failing, .pending].enumerated() {
      let count = counts[standing, default: 0]
      guard count > 0 || standing != .pending else {
        continue
      }
      line.add(place == 0 ? "" : ", ")
      line.add("\(count) \(standing.rawValue)", count == 0 ? .plain : Self.style(of: standing))
    }
    return line
  }

  /// All below the headline.
  ///
  /// - Parameter width: columns of the terminal that they are to fit into; `nil`: nothing is cut or folded.
  func lines(width: Int? = nil) -> [StatusLine] { layout(width: width).lines }

  /// The same, and where among them the columns' titles are.
  func layout(width: Int? = nil) -> (lines: [StatusLine], titles: Int?) {
    let problems = StatusProblems(report).lines.flatMap { line in width.map { line.folded(to: $0) } ?? [line] }
    let hasTitles = report.executions.contains { !$0.secrets.isEmpty }
    return (problems + rows(width), hasTitles ? problems.count : nil)
  }

  private func rows(_ width: Int?) -> [StatusLine] {
    let secrets = report.executions.flatMap(\.secrets)
    let cells = secrets.map { secret in Self.columns.map { $0.text(secret) } }
    var widths = Self.columns.indices.map { column in
      let widest = cells.lazy.compactMap { $0[column] }.map(DisplayWidth.of).max()
      // A column in which nothing stands is left out.
      return widest.map { max($0, Self.columns[column].title.count) } ?? 0
    }
    if let width {
      Self.narrow(&widths, to: width - 2)
    }
    let widest = report.executions.map { DisplayWidth.of($0.id) }.max() ?? 0
    // One long id leaves room for every execution's state.
    let ids = width.map { min(widest, max(16, $0 / 2)) } ?? widest
    let states = report.executions.map { DisplayWidth.of($0.state) }.max() ?? 0
    var lines: [StatusLine] = []
    if !secrets.isEmpty {
      lines.append(Self.row(Self.columns.map(\.title), widths) { _ in .faint })
    }
    var next = 0
    for execution in report.executions {
      lines.append(Self.row(of: execution, ids, states))
      for secret in execution.secrets {
        let style = Self.style(of: secret.standing)
        lines.append(Self.row(cells[next], widths) { $0 == 1 ? style : .plain })
        next += 1
      }
    }
    return width.map { width in lines.map { $0.cut(to: width) } } ?? lines
  }

  private static func row(of execution: StatusReport.Execution, _ ids: Int, _ states: Int) -> StatusLine {
    let style: StatusLine.Style = execution.isReady ? (execution.state == "live" ? .good : .warning) : .bad
    var line = StatusLine(DisplayWidth.padded(DisplayWidth.cut(execution.id, to: ids), to: ids) + "  ", .strong)
    line.add(DisplayWidth.padded(execution.state, to: states) + "  ", style)
    line.add("generation \(execution.generation)  from \(execution.source)")
    return line
  }

  private static func row(
    _ cells: [String?], _ widths: [Int], style: (Int) -> StatusLine.Style
  ) -> StatusLine {
    var line = StatusLine("  ")
    let last = widths.lastIndex { $0 > 0 } ?? 0
    for (column, width) in widths.enumerated() where width > 0 {
      let text = DisplayWidth.cut(cells[column] ?? "-", to: width)
      line.add(column == last ? text : DisplayWidth.padded(text, to: width) + "  ", style(column))
    }
    return line
  }

  /// Makes columns narrower, then leaves them out, until all fit into `room`.
  private static func narrow(_ widths: inout [Int], to room: Int) {
    func excess() -> Int {
      widths.reduce(0, +) + 2 * max(0, widths.count { $0 > 0 } - 1) - room
    }
    for column in yielding where excess() > 0 && widths[column] > columns[column].least {
      widths[column] = max(columns[column].least, widths[column] - excess())
    }
    for column in [7, 6, 5, 4] where excess() > 0 {
      widths[column] = 0
    }
  }

  private static func style(of standing: StatusReport.Standing) -> StatusLine.Style {
    switch standing {
    case .failing: .bad
    case .stale, .late: .warning
    case .pending: .faint
    case .live: .good
    }
  }
}
