import EventLoop
import Foundation
import SecretBytes
import Testing

@testable import AgentDaemon
@testable import ProviderKit
@testable import Resolution

private func secret(
  _ name: String, _ standing: ExecutionStatus.Secret.Standing = .live, failure: ProviderFailure? = nil,
  provider: String = "vault", reference: String = "secret/web/db", version: String? = "3",
  age: Duration? = .seconds(900), next: Duration? = .seconds(2700)
) -> ExecutionStatus.Secret {
  ExecutionStatus.Secret(
    name: name, standing: failure == nil ? standing : .failing, provider: provider, providerType: "hashicorp_vault",
    label: ProviderPool.Label(type: "hashicorp_vault", name: provider), reference: reference,
    source: failure == nil ? .live : .stale, version: version, age: age,
    lastSuccessUnix: 1_700_000_000, nextRefresh: next, expiresIn: nil, failures: failure == nil ? 0 : 2,
    fault: failure.map { .provider($0) }, isFresh: standing == .live)
}

private func execution(
  _ id: String, _ secrets: [ExecutionStatus.Secret], generation: Int64 = 4, job: String? = nil,
  source: String = "folder",
  problems: [String] = []
) -> ExecutionStatus {
  ExecutionStatus(
    id: id, jobID: job, namespace: nil, source: source, state: .live, generation: generation, folder: "/out",
    deliveredAtUnix: 1_700_000_000, notices: 0, failedNotices: 0, problems: problems,
    isRefused: false, secrets: secrets)
}

private func status(
  _ executions: [ExecutionStatus], node: String = "n", sourceFailures: [String: String] = [:],
  unheard: [String] = [], unreadable: [String: [String: String]] = [:], unremoved: [String: String] = [:],
  breakers: [String] = []
) -> StatusDocument {
  StatusDocument(
    version: "1.2.3", nodeID: node, executions: executions, sources: ["folder"], unheard: unheard,
    sourceFailures: sourceFailures, unreadable: unreadable, unremoved: unremoved,
    openBreakers: breakers.map { ProviderPool.Label(type: "hashicorp_vault", name: $0) },
    turns: TurnCounts())
}

private func page(_ status: StatusDocument) throws -> String {
  try #require(StatusPage.render(status, at: 1_700_000_000).unsafeString())
}

/// The names of all tags, in order, by a reader that knows no escaping: `th`, `/th`.
private func tags(_ page: String) -> [String] { page.matches(of: /<(\/?[a-zA-Z!][^\s>\/]*)/).map { String($0.1) } }

/// The rows of the table of secrets: class and name.
private func rows(_ page: String) -> [(standing: String, name: String)] {
  page.matches(of: /<tr role="row" class="(\w+)"><th role="rowheader" scope="row">([^<]*)/).map {
    (String($0.1), String($0.2))
  }
}

@Suite struct StatusPageTests {
  private func failure(_ reference: String? = "secret/web/db", _ message: String = "no answer") -> ProviderFailure {
    ProviderFailure(.transient, connection: "vault", reference: reference, status: 503, message, hint: "look at it")
  }

  @Test func whatFailsIsOnTopAndTheRestFollowsByStanding() throws {
    let page = try page(
      status([
        execution("a", [secret("LIVE"), secret("LATE", .late), secret("WAITS", .pending, age: nil, next: nil)]),
        execution("b", [secret("OLD", .stale), secret("BROKEN", failure: failure())], generation: 0),
      ]))
    #expect(rows(page).map(\.name) == ["BROKEN", "OLD", "LATE", "WAITS", "LIVE"])
    #expect(rows(page).map(\.standing) == ["failing", "stale", "late", "pending", "live"])
    #expect(page.contains("<h2>0 of 2 executions ready</h2>") && page.contains("<title>0 of 2 executions ready – n"))
    #expect(page.contains("<b>5</b> secrets") && page.contains("<b>1</b> failing"))
    #expect(
      page.contains("b/BROKEN</b> provider vault: secret/web/db: no answer (status 503); look at it (2 in a row)"))
    #expect(page.contains("15m0s") && page.contains("45m0s") && page.contains("2023-11-14T22:13:20Z"))
  }

  @Test func aNodeWithNothingToDoSaysSo() throws {
    let page = try page(status([]))
    #expect(page.contains("<h2>No executions</h2>") && !page.contains("<table") && !page.contains("Problems"))
  }

  @Test func whatManyShareIsToldOnce() throws {
    let secrets = (0..<21).map { secret("S\($0)", failure: failure("secret/\($0)")) }
    let page = try page(status([execution("web", secrets)]))
    #expect(page.contains("21 secrets (web/S0, web/S1, web/S2 and 18 more)</b> provider vault: no answer (status 503)"))
    #expect(page.components(separatedBy: "<li><b>21 secrets").count == 2)
  }

  @Test func problemsOfSourcesConnectionsAndExecutionsAreTold() throws {
    let known = failure().line
    let page = try page(
      status(
        [execution("web", [secret("A", failure: failure())], problems: ["A: \(known)", "cannot write: disk full"])],
        sourceFailures: ["folder": "gone"], unheard: ["folder", "api.example"],
        unreadable: ["folder": ["x": "no JSON"]],
        unremoved: ["old": "read-only"], breakers: ["vault"]))
    for line in [
      "source folder</b> gone", "source api.example</b> not heard yet", "x of folder</b> no JSON",
      "old</b> gone, but its outputs could not be removed: read-only",
      "provider vault</b> gives no answer, and is asked again after a pause", "web</b> cannot write: disk full",
    ] {
      #expect(page.contains("<li><b>\(line)</li>"), "\(line)")
    }
    #expect(page.components(separatedBy: "<li><b>").count == 7 + 1)
  }

  // MARK: - Bounds

  @Test func tenThousandSecretsAreABoundedPageWithTheWorstOnTop() throws {
    let reason = failure(nil, String(repeating: "<&\"'>", count: 500))
    let executions = (0..<200).map { number in
      execution(
        "e-\(number)", (0..<50).map { secret("S\($0)", failure: $0 == 7 && number % 100 == 99 ? reason : nil) },
        problems: [String(repeating: "p", count: 100_000) + "\(number)"])
    }
    let page = try page(status(executions))
    let rows = rows(page)
    #expect(rows.count == StatusPage.mostSecrets)
    #expect(rows.prefix(3).map(\.standing) == ["failing", "failing", "live"])
    #expect(page.contains("and 9500 more; <code>secrets-agent status</code>") && page.contains("and 100 more;"))
    #expect(page.contains("<b>10000</b> secrets") && page.contains("<b>9998</b> live"))
    #expect(page.utf8.count < 600_000)
  }

  @Test func strangeSpansHaveNoStrangeBar() {
    let spans: [Duration?] = [nil, .zero, .seconds(-5), .seconds(1), .seconds(Int64.max), .seconds(Int64.min)]
    for age in spans {
      for next in spans {
        let freshness = StatusPage.freshness(of: secret("A", age: age, next: next))
        #expect((0...100).contains(freshness))
      }
    }
    #expect(StatusPage.freshness(of: secret("A")) == 75)
    #expect(StatusPage.freshness(of: secret("A", next: nil)) == 100)
    #expect(StatusPage.freshness(of: secret("A", .late)) == 0)
    #expect(StatusPage.freshness(of: secret("A", failure: failure())) == 0)
  }

  // MARK: - Strangers' words

  @Test(arguments: [
    "<script>alert(1)</script>", "</title></style></table><img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)", "&lt;script&gt;", "a\u{202e}b\u{200f}\nc\u{0}\u{1b}[31m", "]]><!--", "\u{2028}<b>",
    "<" + String(repeating: "a", count: 10_000), "ünïcode 🔑",
  ])
  func whatStrangersWriteIsNoMarkup(_ word: String) throws {
    func all(_ word: String) -> StatusDocument {
      let failure = ProviderFailure(.denied, connection: word, reference: word, status: 403, word, hint: word)
      return status(
        [
          execution(
            word, [secret(word, failure: failure, provider: word, reference: word, version: word)], job: word + "x",
            source: word, problems: [word + "!"])
        ], node: word, sourceFailures: [word: word], unheard: [word + "y"], unreadable: [word: [word: word]],
        unremoved: [word: word], breakers: [word])
    }
    let (page, plain) = (try page(all(word)), try page(all("plain")))
    #expect(tags(page) == tags(plain))
    #expect(page.components(separatedBy: "\"").count == plain.components(separatedBy: "\"").count)
    #expect(page.components(separatedBy: "'").count == plain.components(separatedBy: "'").count)
    let steering = page.unicodeScalars.filter { scalar in
      let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
      return isControl && scalar != "\n" || (0x200b...0x200f).contains(scalar.value)
        || (0x2028...0x202e).contains(scalar.value)
    }
    #expect(steering.isEmpty)
  }

  // MARK: - What it may do

  @Test func theAnswerForbidsWhateverThePageDoesNotNeed() throws {
    let head = try #require(StatusPage.response(SecretBytes("x")).head.unsafeString())
    #expect(
      head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n") && head.hasSuffix("\r\n\r\n"))
    for line in [
      "Content-Security-Policy: default-src 'none'; style-src '\(StatusPageStyle.hash)'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'",
      "Referrer-Policy: no-referrer", "X-Content-Type-Options: nosniff", "Cache-Control: no-store",
    ] {
      #expect(head.contains("\r\n\(line)\r\n"), "\(line)")
    }
  }

  @Test func thePageLoadsAndRunsNothing() throws {
    let page = try page(status([execution("web", [secret("A", failure: failure())])]))
    for word in [
      "<script", "<link", "<img", "<a ", " src=", " href=", " style=", "url(", "@import", " onload", "http://",
    ] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains("<meta http-equiv=\"refresh\" content=\"10\">") && page.contains("<html lang=\"en\">"))
    let style = try #require(page.firstMatch(of: /<style>([^<]*)<\/style>/))
    #expect(String(style.1) == StatusPageStyle.sheet.description)
  }

  @Test func everyColumnHasItsHeaderAndEveryRowItsName() throws {
    let page = try page(status([execution("web", [secret("A"), secret("B", version: nil)])]))
    let headers = page.components(separatedBy: "<th role=\"columnheader\" scope=\"col\">").count - 1
    #expect(headers == 8 + 7)
    let cells = page.components(separatedBy: "<td role=\"cell\"").count - 1
    #expect(cells == 2 * 7 + 6)
    #expect(page.components(separatedBy: "<th role=\"rowheader\" scope=\"row\">").count - 1 == 3)
  }
}
