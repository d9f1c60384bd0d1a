import Foundation
import Glibc
import TestSupport
import Testing

/// The metrics, the alerts and the dashboard of config/, judged by Prometheus itself (Debian's package, which `make setup` installs).
@Suite(.timeLimit(.minutes(20))) struct PrometheusTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func committed(_ name: String) -> String { root.appendingPathComponent("config/\(name)").path }

  private func tool(_ arguments: [String], folder: ScratchFolder, input: String? = nil) async throws -> Outcome {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try await Run(arguments, environment: ["PATH": path], input: input, folder: folder).outcome()
  }

  // MARK: - The files

  @Test func everyAlertFiresWhenItShouldAndNoneWhenAllIsWell() async throws {
    let outcome = try await tool(
      ["promtool", "test", "rules", Self.committed("prometheus-rules.test.yml")], folder: try ScratchFolder())
    #expect(outcome.status == 0 && outcome.outputText.contains("SUCCESS"), outcome.said)
  }

  @Test func theExampleConfigurationIsValid() async throws {
    let outcome = try await tool(
      ["promtool", "check", "config", Self.committed("prometheus.yml")], folder: try ScratchFolder())
    #expect(outcome.status == 0 && outcome.outputText.contains("rules found"), outcome.said)
  }

  @Test func everyAlertHasATest() throws {
    let rules = try String(contentsOfFile: Self.committed("prometheus-rules.yml"), encoding: .utf8)
    let tests = try String(contentsOfFile: Self.committed("prometheus-rules.test.yml"), encoding: .utf8)
    let alerts = rules.matches(of: /- alert: (\w+)/).map { String($0.1) }
    #expect(alerts.count >= 10)
    for alert in alerts {
      #expect(tests.contains("alertname: \(alert), eval_time: 55m, exp_alerts: []"), "\(alert) is silent nowhere")
      #expect(tests.contains("- alertname: \(alert)\n"), "\(alert) fires nowhere")
    }
  }

  /// What the tests of the rules ask is what the dashboard and the reference have.
  @Test func whichSecretsAreNotLiveIsOneQuestion() throws {
    let tests = try String(contentsOfFile: Self.committed("prometheus-rules.test.yml"), encoding: .utf8)
    let question = try #require(tests.firstMatch(of: /- expr: (sort_desc\(.+\))\n/)).1
    let dashboard = try String(contentsOfFile: Self.committed("grafana-dashboard.json"), encoding: .utf8)
    #expect(dashboard.replacing(#"{instance=~\"$instance\"}"#, with: "").contains("\"\(question)\""))
    let reference = try String(contentsOfFile: Self.committed("../docs/reference.md"), encoding: .utf8)
    #expect(reference.contains("\n\(question) "))
  }

  // MARK: - A real Prometheus

  /// A daemon whose metrics are scraped by a Prometheus that holds the committed alerts against them, without their patience.
  private struct Scene {
    let fakes: Fakes
    let daemon: RunningDaemon
    let run: Run
    let prometheus: Run
    let metrics: String
    let api: String

    func end() {
      prometheus.send(SIGKILL)
      run.send(SIGTERM)
    }
  }

  private func scene() async throws -> Scene {
    let fakes = try Fakes()
    let port = try freePorts(inARow: 2)
    let metrics = "127.0.0.1:\(port)"
    let daemon = try RunningDaemon(api: "metrics_address: \"\(metrics)\"")
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let folder = daemon.folder
    let rules = try String(contentsOfFile: Self.committed("prometheus-rules.yml"), encoding: .utf8)
      .replacing(/for: \d+m/) { _ in "for: 0s" }
    try folder.write(rules, as: "prometheus-rules.yml")
    let settings = try String(contentsOfFile: Self.committed("prometheus.yml"), encoding: .utf8)
      .replacing("127.0.0.1:9465", with: metrics).replacing(/_interval: \d+s/) { _ in "_interval: 2s" }
    let file = try folder.write(settings, as: "prometheus.yml")
    let api = "127.0.0.1:\(port + 1)"
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let prometheus = try Run(
      [
        "prometheus", "--config.file=\(file)", "--storage.tsdb.path=\(folder.file("tsdb").path)",
        "--web.listen-address=\(api)", "--log.level=warn",
      ], environment: ["PATH": path], folder: folder)
    return Scene(
      fakes: fakes, daemon: daemon, run: run, prometheus: prometheus, metrics: "http://\(metrics)/metrics",
      api: "http://\(api)/api/v1")
  }

  /// The `data` of an answer of Prometheus' API; `nil` while it does not answer.
  private func ask(_ scene: Scene, _ path: String) async throws -> [String: Any]? {
    let command = ["curl", "--disable", "--silent", "--noproxy", "*", "--globoff", "\(scene.api)/\(path)"]
    let answer = try await tool(command, folder: scene.daemon.folder)
    let object = try? JSONSerialization.jsonObject(with: answer.output) as? [String: Any]
    return object?["data"] as? [String: Any]
  }

  /// The labels of the alerts that are firing.
  private func firing(_ scene: Scene) async throws -> [[String: String]] {
    let alerts = try await ask(scene, "alerts")?["alerts"] as? [[String: Any]] ?? []
    return alerts.filter { $0["state"] as? String == "firing" }.compactMap { $0["labels"] as? [String: String] }
  }

  private func value(_ scene: Scene, _ query: String) async throws -> Double? {
    let encoded = query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let result = try await ask(scene, "query?query=\(encoded)")?["result"] as? [[String: Any]]
    return ((result?.first?["value"] as? [Any])?.last as? String).flatMap { Double($0) }
  }

  @Test func aSecretThatIsNotLiveFiresItsAlertAndAnotherDoesNot() async throws {
    let scene = try await scene()
    defer { scene.end() }
    func reach(_ condition: () async throws -> Bool) async throws -> Bool {
      try await scene.daemon.reach(scene.prometheus, condition)
    }
    // All is well: scraped more than once, every rule looked at, and none of the secrets' alerts fires.
    #expect(try await reach { try await value(scene, "max_over_time(up[1m])") == 1 })
    #expect(try await reach { try await value(scene, "count_over_time(secrets_agent_secret_live[1m])") ?? 0 >= 3 })
    // A scrape that ran into its limit on a busy machine leaves nothing behind: the next one counts.
    #expect(try await reach { try await value(scene, "count(secrets_agent_secret_live == 1)") == 2 })
    #expect(
      try await value(scene, "max_over_time(process_resident_memory_bytes{job=\"secrets-agent\"}[1m])") ?? 0 > 1e6)
    let groups = try await ask(scene, "rules")?["groups"] as? [[String: Any]] ?? []
    let rules = groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
    #expect(rules.count >= 10 && rules.allSatisfy { $0["health"] as? String == "ok" })
    let aboutSecrets = ["SecretsAgentSecretNotLive", "SecretsAgentSecretTooOld", "SecretsAgentExecutionNotReady"]
    let early = try await firing(scene).filter { aboutSecrets.contains($0["alertname"] ?? "") }
    #expect(early.isEmpty)

    // One of the two paths fails from now on; the other is refreshed too, and stays good.
    try await scene.fakes.add("status", .literal("500"), on: "GET /v1/secret/data/web/db")
    _ = try await scene.daemon.command("refresh")
    #expect(
      try await reach {
        try await firing(scene).contains {
          $0["alertname"] == "SecretsAgentSecretNotLive" && $0["secret"] == "DB_PASSWORD" && $0["severity"] == "warning"
        }
      })
    let others = try await firing(scene).filter { $0["secret"] == "API_KEY" }
    #expect(others.isEmpty)

    // And it is over once the store answers.
    try await scene.fakes.administer("DELETE", "faults")
    #expect(
      try await reach {
        let isOver = try await firing(scene).allSatisfy { $0["alertname"] != "SecretsAgentSecretNotLive" }
        let fresh = try await value(scene, "count(secrets_agent_secret_live == 1)")
        return isOver && fresh == 2
      })
  }

  @Test func metricsKeepPrometheusConventionsAndTheDashboardNamesThem() async throws {
    let scene = try await scene()
    defer { scene.end() }
    let page = try await tool(
      ["curl", "--disable", "--silent", "--fail", "--noproxy", "*", scene.metrics], folder: scene.daemon.folder)
    let checked = try await tool(["promtool", "check", "metrics"], folder: scene.daemon.folder, input: page.outputText)
    #expect(checked.status == 0 && checked.outputText == "" && checked.errorText == "", checked.said)
    let families = Set(page.outputText.matches(of: /TYPE (\w+) (?:counter|gauge|histogram)/).map { String($0.1) })
    for process in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"] {
      #expect(families.contains("process_\(process)"), "\(process)")
    }
    for name in ["grafana-dashboard.json", "prometheus-rules.yml"] {
      let text = try String(contentsOfFile: Self.committed(name), encoding: .utf8)
      let named = Set(text.matches(of: /\b(?:secrets_agent|process)_\w+/).map { String($0.0) })
      #expect(named.count > 5)
      for metric in named where !families.contains(metric) {
        #expect(metric.hasSuffix("_bucket") && families.contains(String(metric.dropLast(7))), "\(name): no \(metric)")
      }
    }
    // Every question of the dashboard is one that Prometheus understands.
    let dashboard =
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: Self.committed("grafana-dashboard.json")))) as? [String: Any]
    let panels = dashboard?["panels"] as? [[String: Any]] ?? []
    let questions = panels.flatMap { $0["targets"] as? [[String: Any]] ?? [] }.compactMap { $0["expr"] as? String }
    #expect(questions.count >= 15)
    #expect(try await scene.daemon.reach(scene.prometheus) { try await ask(scene, "query?query=1") != nil })
    for question in questions {
      let plain = question.replacing("$__rate_interval", with: "1m").replacing("$instance", with: ".*")
      let encoded = plain.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
      #expect(try await ask(scene, "query?query=\(encoded)") != nil, "\(question)")
    }
  }
}
