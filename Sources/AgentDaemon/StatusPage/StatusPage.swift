import SecretBytes
import Text

/// The answer of `GET /`: how every execution and secret stands, as one page that loads nothing and runs nothing. It has no value, since a
/// ``StatusDocument`` has no place for one.
struct StatusPage {
  /// Rows of secrets that are shown, those with the worst standing first: a browser has to lay them out every ten seconds.
  static let mostSecrets = 500
  static let mostExecutions = 100
  static let mostProblems = 50

  let status: StatusDocument
  /// Those that are not ready first, then by id.
  let executions: [ExecutionStatus]
  var html = HTMLText()

  private init(_ status: StatusDocument) {
    self.status = status
    executions = status.executions.filter { !$0.isReady } + status.executions.filter(\.isReady)
  }

  /// Writes the page. Its length is bounded, whatever the number of secrets.
  ///
  /// - Parameter unixTime: the time that it shows.
  static func render(_ status: StatusDocument, at unixTime: Int64) -> SecretBytes {
    var page = StatusPage(status)
    page.addHead()
    page.addBanner(at: unixTime)
    page.html.markup("<main>\n")
    page.addHeadline()
    page.addProblems()
    page.addSecrets()
    page.addExecutions()
    page.html.markup("</main>\n</body>\n</html>\n")
    return SecretBytes(page.html.text)
  }

  /// The page as an answer. Nothing on it may load, run, be sent or be framed, even if something got past the escaping.
  static func response(_ page: SecretBytes) -> APIResponse {
    APIResponse(
      status: 200, contentType: "text/html; charset=utf-8", body: page,
      headers: [
        ("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
      ])
  }

  /// https://www.w3.org/TR/CSP3/: the page's own style by its hash, and nothing else.
  private static let policy =
    "default-src 'none'; style-src '\(StatusPageStyle.hash)'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  // MARK: - Top

  private mutating func addHead() {
    html.markup(
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="refresh" content="10">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>
      """)
    html.element("", "\(headline) – \(ShownText.clean(status.nodeID))", " – secrets-agent</title>\n<style>")
    html.markup(StatusPageStyle.sheet)
    html.markup("</style>\n</head>\n<body>\n")
  }

  private mutating func addBanner(at unixTime: Int64) {
    html.element("<header>\n<h1>secrets-agent</h1>\n<p>node <b>", status.nodeID, "</b>", atMost: ShownText.longest)
    html.element(" <span class=\"version\">version ", status.version, "</span></p>\n")
    let moment = CivilTime(unixTime: unixTime).internetText
    html.element("<p class=\"moment\">as of <time>", moment, "</time>, refreshed every 10 s</p>\n</header>\n")
  }

  // MARK: - Headline

  private var headline: String {
    guard !executions.isEmpty else {
      return "No executions"
    }
    let noun = executions.count == 1 ? "execution" : "executions"
    return "\(executions.count(where: \.isReady)) of \(executions.count) \(noun) ready"
  }

  private mutating func addHeadline() {
    let counts = executions.standings
    let total = counts.values.reduce(0, +)
    let isReady = executions.allSatisfy(\.isReady)
    let refused = status.refusedDocuments.values.reduce(0, +)
    html.markup("<section class=\"card headline ")
    html.markup(
      !isReady
        ? "bad" : refused > 0 || counts[.live, default: 0] < total ? "warn" : executions.isEmpty ? "mute" : "good")
    html.element("\">\n<h2>", headline, "</h2>\n")
    if refused > 0 {
      html.element("<p class=\"more\"><b>", String(refused), "</b> ")
      html.markup(refused == 1 ? "newest document is" : "newest documents are")
      html.markup(" not in force: refused, or unreadable</p>\n")
    }
    guard total > 0 else {
      html.markup("</section>\n")
      return
    }
    html.element(
      "<ul class=\"counts\" aria-label=\"Secrets by state\">\n<li class=\"plain\"><b>", String(total), "</b> ")
    html.markup(total == 1 ? "secret</li>\n" : "secrets</li>\n")
    for standing in Self.order {
      let count = counts[standing, default: 0]
      html.markup("<li class=\"")
      html.markup(count == 0 ? "mute" : Self.tone(of: standing))
      html.element("\"><b>", String(count), "</b> ")
      html.element("", standing.rawValue, "</li>\n")
    }
    html.markup("</ul>\n")
    addShares(counts, of: total)
    html.markup("</section>\n")
  }

  /// One bar for all: how much of it stands how. The numbers above say the same.
  private mutating func addShares(_ counts: [ExecutionStatus.Secret.Standing: Int], of total: Int) {
    html.element("<svg class=\"shares\" viewBox=\"0 0 ", String(total), " 1\"")
    html.markup(" preserveAspectRatio=\"none\" aria-hidden=\"true\">")
    var place = 0
    for standing in Self.order {
      let count = counts[standing, default: 0]
      if count > 0 {
        html.markup("<rect class=\"")
        html.markup(Self.tone(of: standing))
        html.element("\" x=\"", String(place), "\" y=\"0\" height=\"1\"")
        html.element(" width=\"", String(count), "\"/>")
        place += count
      }
    }
    html.markup("</svg>\n")
  }

  // MARK: - Shared by the tables

  /// In which an operator has to look at them.
  static let order: [ExecutionStatus.Secret.Standing] = [.failing, .stale, .late, .pending, .live]

  /// The class that gives the colour.
  static func tone(of standing: ExecutionStatus.Secret.Standing) -> StaticString {
    switch standing {
    case .failing: "bad"
    case .stale, .late: "warn"
    case .pending: "mute"
    case .live: "good"
    }
  }

  /// What is left out, and where it is to be had.
  mutating func addRest(_ count: Int) {
    if count > 0 {
      html.element("<p class=\"more\">and ", String(count), " more; <code>secrets-agent status</code> shows all</p>\n")
    }
  }
}
