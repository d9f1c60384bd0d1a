import Text

extension StatusPage {
  /// Every execution, those that are not ready first.
  mutating func addExecutions() {
    guard !executions.isEmpty else {
      return
    }
    html.markup(
      """
      <section class="card" aria-labelledby="executions">
      <h2 id="executions">Executions</h2>
      <table role="table" aria-labelledby="executions">
      <thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Execution</th>\
      <th role="columnheader" scope="col">State</th>\
      <th role="columnheader" scope="col">Ready</th>\
      <th role="columnheader" scope="col">Secrets live</th>\
      <th role="columnheader" scope="col">Generation</th>\
      <th role="columnheader" scope="col">Delivered</th>\
      <th role="columnheader" scope="col">Source</th></tr></thead>
      <tbody role="rowgroup">

      """)
    for execution in executions.prefix(Self.mostExecutions) {
      add(execution)
    }
    html.markup("</tbody>\n</table>\n")
    addRest(max(executions.count - Self.mostExecutions, 0))
    html.markup("</section>\n")
  }

  private mutating func add(_ execution: ExecutionStatus) {
    html.element("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">", execution.id, "", atMost: ShownText.longest)
    let job = [execution.namespace, execution.jobID].compactMap { $0 }.joined(separator: " / ")
    if !job.isEmpty, job != execution.id {
      html.element("<small>job ", job, "</small>", atMost: 2 * ShownText.longest)
    }
    html.markup("</th><td role=\"cell\"><span class=\"pill ")
    html.markup(Self.tone(of: execution))
    html.element("\">", execution.state.rawValue, "</span></td>")
    html.markup("<td role=\"cell\" data-name=\"ready\">")
    html.markup(execution.isReady ? "yes</td>" : "no</td>")
    let live = execution.secrets.count { $0.standing == .live }
    html.element("<td role=\"cell\" data-name=\"live\">", "\(live) of \(execution.secrets.count)", "</td>")
    html.element("<td role=\"cell\" data-name=\"generation\">", String(execution.generation), "</td>")
    let delivered = execution.deliveredAtUnix.map { CivilTime(unixTime: $0).internetText } ?? "–"
    html.element("<td role=\"cell\" data-name=\"delivered\">", delivered, "</td>")
    html.element("<td role=\"cell\" data-name=\"source\">", execution.source, "</td></tr>\n", atMost: 160)
  }

  private static func tone(of execution: ExecutionStatus) -> StaticString {
    switch execution.state {
    case .failing, .invalid: "bad"
    case .stale: execution.isReady ? "warn" : "bad"
    case .pending: "mute"
    case .live: "good"
    }
  }
}
