import EventLoop
import Text

extension StatusPage {
  private typealias Row = (execution: String, secret: ExecutionStatus.Secret)

  /// The secrets of all executions in one table, by their standing and then by execution.
  mutating func addSecrets() {
    let total = executions.reduce(0) { $0 + $1.secrets.count }
    guard total > 0 else {
      return
    }
    // Roles are said outright: where the narrow layout makes blocks of the cells, browsers forget that they are a table.
    html.markup(
      """
      <section class="card" aria-labelledby="secrets">
      <h2 id="secrets">Secrets</h2>
      <table role="table" aria-labelledby="secrets">
      <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Secret</th>\
      <th role="columnheader" scope="col">State</th>\
      <th role="columnheader" scope="col">Age</th>\
      <th role="columnheader" scope="col">Next</th>\
      <th role="columnheader" scope="col">Ends</th>\
      <th role="columnheader" scope="col">Version</th>\
      <th role="columnheader" scope="col">Execution</th>\
      <th role="columnheader" scope="col">Provider</th></tr></thead>
      <tbody role="rowgroup">

      """)
    let rows = worst(Self.mostSecrets)
    for row in rows {
      add(row)
    }
    html.markup("</tbody>\n</table>\n")
    addRest(total - rows.count)
    html.markup("</section>\n")
  }

  private func worst(_ count: Int) -> [Row] {
    var rows: [Row] = []
    for standing in Self.order {
      for execution in executions {
        for secret in execution.secrets where secret.standing == standing {
          guard rows.count < count else {
            return rows
          }
          rows.append((execution.id, secret))
        }
      }
    }
    return rows
  }

  private mutating func add(_ row: Row) {
    let secret = row.secret
    html.element("<tr role=\"row\" class=\"", secret.standing.rawValue, "\">")
    html.element("<th role=\"rowheader\" scope=\"row\">", secret.name, "", atMost: ShownText.longest)
    html.element("<small>", secret.reference, "</small>", atMost: 160)
    if let fault = secret.fault {
      html.element("<small class=\"bad\">", fault.message, "</small>", atMost: 200)
    }
    html.markup("</th>")
    html.markup("<td role=\"cell\"><span class=\"pill ")
    html.markup(Self.tone(of: secret.standing))
    html.element("\">", secret.standing.rawValue, "</span></td>")
    html.markup("<td role=\"cell\" class=\"age\" data-name=\"age\">")
    addFreshness(of: secret)
    html.element("<span>", Self.span(secret.age) ?? "–", "</span></td>")
    addCell("next", Self.span(secret.nextRefresh))
    addCell("ends", Self.span(secret.expiresIn))
    addCell("version", secret.version)
    addCell("execution", row.execution)
    addCell("provider", secret.provider)
    html.markup("</tr>\n")
  }

  /// - Parameter name: what stands before it where there is no room for a row of headers.
  private mutating func addCell(_ name: StaticString, _ words: String?) {
    html.markup("<td role=\"cell\" class=\"")
    html.markup(words == nil ? "none" : "short")
    html.markup("\" data-name=\"")
    html.markup(name)
    // The whole of what the cell has no room for.
    html.element("\" title=\"", words ?? "", "\">", atMost: 160)
    html.element("", words ?? "–", "</td>", atMost: ShownText.longest)
  }

  /// A bar that is full when the value was just seen to hold, and empty when it is to be looked at again. The ages beside it say the same.
  private mutating func addFreshness(of secret: ExecutionStatus.Secret) {
    html.markup("<svg viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"")
    html.markup(Self.tone(of: secret.standing))
    html.element("\" height=\"1\" width=\"", String(Self.freshness(of: secret)), "\"/></svg>")
  }

  /// How much of the time from when the value was last seen to hold to its next refresh is left, in percent. What is never looked at
  /// again, as a pinned version, stays fresh.
  static func freshness(of secret: ExecutionStatus.Secret) -> Int {
    guard secret.standing == .live, let age = secret.age else {
      return 0
    }
    guard let left = secret.nextRefresh?.saturatingNanoseconds else {
      return 100
    }
    let whole = Double(max(age.saturatingNanoseconds, 0)) + Double(max(left, 0))
    return whole > 0 ? Int((Double(max(left, 0)) / whole * 100).rounded()) : 100
  }

  private static func span(_ span: Duration?) -> String? {
    span.map { ShownText.span(seconds: $0.components.seconds) }
  }
}
