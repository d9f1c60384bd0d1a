import EventLoop
import Foundation
import JSONReader
import SecretBytes
import Testing
import Text

@testable import AgentDaemon
@testable import ProviderKit
@testable import Resolution

private let vault = ProviderPool.Label(type: "hashicorp_vault", name: "vault", address: "http://v:8200")

private let connectionLabels = #"provider="hashicorp_vault",connection="vault",address="http://v:8200""#

private func secret(
  _ name: String, failure: ProviderFailure? = nil, next: Duration? = .seconds(60), version: String? = "3"
) -> ExecutionStatus.Secret {
  ExecutionStatus.Secret(
    name: name, standing: failure == nil ? .live : .failing, provider: "vault", providerType: "hashicorp_vault",
    label: vault, reference: "secret/web/db",
    source: failure == nil ? .live : .stale, version: version, age: .milliseconds(1500), lastSuccessUnix: 1_700_000_000,
    nextRefresh: next, expiresIn: .seconds(-5), failures: failure == nil ? 0 : 2,
    fault: failure.map { .provider($0) }, isFresh: true)
}

private func document(
  _ secrets: [ExecutionStatus.Secret], id: String = "e-1", isRefused: Bool = false
) -> StatusDocument {
  let execution = ExecutionStatus(
    id: id, jobID: "j", namespace: nil, source: "folder /d", state: .live, generation: 4, folder: "/out/e-1",
    deliveredAtUnix: 1_700_000_000, notices: 3, failedNotices: 1, problems: [],
    isRefused: isRefused, secrets: secrets)
  return StatusDocument(
    version: "1", nodeID: "n", executions: [execution], sources: ["folder /d", "local API"], unheard: [],
    sourceFailures: ["folder /d": "gone"],
    unreadable: ["folder /d": ["x": "no JSON"], "empty": [:]], unremoved: ["e-0": "read-only"],
    openBreakers: [vault], turns: TurnCounts(), volumes: PodVolumes.Counts())
}

private let figures = ProcessFigures(
  cpuSeconds: 1.5, residentBytes: 20_000_000, virtualBytes: 90_000_000, openDescriptors: 12, maximumDescriptors: 8192,
  startTime: 1_700_000_000.25)

/// A page of metrics by a reader of its own: samples by name and labels. Anything that is not of the format is an issue.
private func samples(_ page: SecretBytes) throws -> [String: Double] {
  let text = try #require(page.unsafeString())
  #expect(text.hasSuffix("\n"))
  var types: [String: String] = [:]
  var samples: [String: Double] = [:]
  for line in text.split(separator: "\n") {
    if let match = try /# TYPE ([a-z_]+) (counter|gauge|histogram)/.wholeMatch(in: line) {
      #expect(types.updateValue(String(match.2), forKey: String(match.1)) == nil, "\(line) twice")
      continue
    }
    if try /# HELP [a-z_]+ .+\./.wholeMatch(in: line) != nil {
      continue
    }
    let match = try #require(
      try /([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+)/.wholeMatch(
        in: line),
      "\(line)")
    let family = try /_(bucket|sum|count)$/.firstMatch(in: match.1).map { String(match.1[..<$0.range.lowerBound]) }
    #expect(types[String(match.1)] != nil || types[family ?? ""] == "histogram", "\(line) has no type")
    let value = try #require(Double(match.3), "\(line)")
    #expect(samples.updateValue(value, forKey: String(match.1) + String(match.2 ?? "")) == nil, "\(line) twice")
  }
  return samples
}

@Suite struct StatusTextTests {
  private let denied = ProviderFailure(.denied, connection: "vault", reference: "secret/web/db", status: 403, "denied")

  @Test func metricsAndStatusTellTheSameOfEverySecret() throws {
    let status = document([secret("A"), secret("B", failure: denied, next: nil)])
    let page = try samples(PrometheusText.render(status, [:], figures))
    let json = try JSONValue.parse(status.json(), limits: .payload)
    let shown = try #require(json.member("executions")?.elements.first { _ in true }?.member("secrets")).elements.map {
      $0
    }
    #expect(shown.count == 2)
    for secret in shown {
      let labels = "{execution=\"e-1\",secret=\"\(secret.member("name")?.text ?? "")\",\(connectionLabels)}"
      #expect(
        secret.member("age_seconds")?.int64 == page["secrets_agent_secret_age_seconds" + labels].map { Int64($0) })
      #expect(
        secret.member("next_refresh_seconds")?.int64
          == page["secrets_agent_secret_next_refresh_seconds" + labels].map { Int64($0) })
      #expect(
        secret.member("consecutive_failures")?.int64
          == page["secrets_agent_secret_consecutive_failures" + labels].map { Int64($0) })
      #expect(page["secrets_agent_secret_last_success_timestamp_seconds" + labels] == 1_700_000_000)
      #expect(secret.member("last_success")?.text == "2023-11-14T22:13:20Z")
    }
    #expect(shown[0].member("last_error") == nil)
    #expect(shown[1].member("last_error")?.member("class")?.text == "denied")
    #expect(shown[1].member("last_error")?.member("message")?.text == denied.line)
    #expect(shown[1].member("next_refresh_seconds") == nil)
    #expect(page["secrets_agent_generation{execution=\"e-1\"}"] == 4)
    #expect(page["secrets_agent_notices_total{execution=\"e-1\",outcome=\"failed\"}"] == 1)
    #expect(page["secrets_agent_source_up{source=\"folder /d\"}"] == 0)
    #expect(page["secrets_agent_breaker_open{\(connectionLabels)}"] == 1)
    #expect(page["secrets_agent_secret_live{execution=\"e-1\",secret=\"A\",\(connectionLabels)}"] == 1)
    #expect(page["secrets_agent_secret_live{execution=\"e-1\",secret=\"B\",\(connectionLabels)}"] == 0)
    #expect(page["secrets_agent_secret_fresh{execution=\"e-1\",secret=\"B\",\(connectionLabels)}"] == 1)
    #expect(page["process_cpu_seconds_total"] == 1.5 && page["process_start_time_seconds"] == 1_700_000_000.25)
    #expect(page["process_open_fds"] == 12 && page["process_max_fds"] == 8192)
    #expect(json.member("unreadable")?.count == 1)
  }

  @Test func connectionsAreCountedByClassAndLatency() throws {
    let metrics = ConnectionMetrics()
    metrics.called(took: .milliseconds(3), failure: nil)
    metrics.called(took: .seconds(2), failure: .denied)
    metrics.loggedIn(true)
    metrics.renewed(false)
    metrics.loginBecame(stale: true)
    metrics.usedStaleLogin(hasEnded: false)
    metrics.usedStaleLogin(hasEnded: true)
    metrics.usedStaleLogin(hasEnded: true)
    let label = ProviderPool.Label(type: "hashicorp_vault", name: "v\"1\\\n")
    let page = try samples(PrometheusText.render(document([]), [label: metrics.counts], figures))
    let labels = #"provider="hashicorp_vault",connection="v\"1\\\\u{a}",address="""#
    #expect(page["secrets_agent_provider_calls_total{\(labels)}"] == 2)
    #expect(page["secrets_agent_provider_errors_total{\(labels),class=\"denied\"}"] == 1)
    #expect(page["secrets_agent_provider_errors_total{\(labels),class=\"missing\"}"] == 0)
    #expect(page["secrets_agent_provider_logins_total{\(labels),outcome=\"succeeded\"}"] == 1)
    #expect(page["secrets_agent_provider_renewals_total{\(labels),outcome=\"failed\"}"] == 1)
    #expect(page["secrets_agent_provider_stale_logins{\(labels)}"] == 1)
    #expect(page["secrets_agent_provider_stale_login_uses_total{\(labels),ended=\"false\"}"] == 1)
    #expect(page["secrets_agent_provider_stale_login_uses_total{\(labels),ended=\"true\"}"] == 2)
    #expect(page["secrets_agent_provider_call_seconds_count{\(labels)}"] == 2)
    #expect(page["secrets_agent_provider_call_seconds_sum{\(labels)}"] == 2.003)
    let buckets = ConnectionMetrics.latencyBounds.map { bound in
      page["secrets_agent_provider_call_seconds_bucket{\(labels),le=\"\(bound)\"}"] ?? -1
    }
    #expect(buckets == buckets.sorted() && buckets.first.map { $0 <= 1 } == true)
    #expect(page["secrets_agent_provider_call_seconds_bucket{\(labels),le=\"+Inf\"}"] == 2)
  }

  @Test(arguments: ["quote\"", "back\\slash", "line\nbreak", "{le=\"1\"} 5\n", "ünïcode"])
  func strangeNamesStayInTheirLabel(_ id: String) throws {
    let page = try samples(PrometheusText.render(document([secret("A")], id: id), [:], figures))
    #expect(page.count == (try samples(PrometheusText.render(document([secret("A")]), [:], figures))).count)
    let json = try JSONValue.parse(document([], id: id).json(), limits: .payload)
    #expect(json.member("executions")?.elements.first { _ in true }?.member("id")?.text == id)
  }

  @Test(arguments: [
    "\u{1b}[2J", "bell\u{7}", "nul\u{0}", "c1\u{9b}31m", "\u{202e}rtl", "del\u{7f}", "\u{2028}", "\u{61c}\u{2066}",
  ])
  func namesThatSteerATerminalAreWrittenOut(_ id: String) throws {
    let status = document([secret(id)], id: id)
    for text in [PrometheusText.render(status, [:], figures), status.json()] {
      let shown = try #require(text.unsafeString())
      #expect(!shown.unicodeScalars.contains { $0 != "\n" && ShownText.steers($0) })
    }
    let json = try JSONValue.parse(status.json(), limits: .payload)
    #expect(json.member("executions")?.elements.first { _ in true }?.member("id")?.text == id)
  }

  @Test func twoNamesStayTwoWhenTheyAreWrittenOut() {
    let names = ["a\u{1b}", "a\\u{1b}", "a\\u{5c}u{1b}", "a\\\u{1b}", "a\\\\u{1b}", "a\\", "a"]
    #expect(Set(names.map(ShownText.escaped)).count == names.count)
  }

  @Test func aConnectionThatAnswersHasAClosedBreaker() throws {
    let label = ProviderPool.Label(type: "hashicorp_vault", name: "other")
    let page = try samples(PrometheusText.render(document([]), [label: ConnectionMetrics().counts], figures))
    #expect(page["secrets_agent_breaker_open{provider=\"hashicorp_vault\",connection=\"other\",address=\"\"}"] == 0)
    #expect(page["secrets_agent_breaker_open{\(connectionLabels)}"] == 1)
  }

  @Test func whatTheKernelDoesNotTellIsLeftOut() throws {
    let page = try samples(PrometheusText.render(document([]), [:], ProcessFigures()))
    #expect(!page.keys.contains { $0.hasPrefix("process_") })
  }

  /// docs/reference.md lists every family with its type, and no other.
  @Test func everyMetricIsInTheReference() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appendingPathComponent("docs/reference.md"), encoding: .utf8)
    let text = try #require(PrometheusText.render(document([secret("A")]), [:], figures).unsafeString())
    let shown = Set(text.matches(of: /# TYPE (\w+) (\w+)/).map { "\($0.1) \($0.2)" })
    let listed = Set(page.matches(of: /\n\| `((?:secrets_agent|process)_\w+)` \| (\w+) \|/).map { "\($0.1) \($0.2)" })
    #expect(shown.count > 20)
    #expect(shown == listed)
  }
}
