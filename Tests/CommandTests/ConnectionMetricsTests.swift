import Foundation
import Glibc
import TestSupport
import Testing

/// What the metrics of a running daemon tell of its connections.
@Suite(.timeLimit(.minutes(15))) struct ConnectionMetricsTests {
  private let fakes: Fakes
  private let daemon: RunningDaemon
  private let metrics: String

  init() throws {
    fakes = try Fakes()
    metrics = "127.0.0.1:\(try freePorts(inARow: 1))"
    daemon = try RunningDaemon(api: "metrics_address: \"\(metrics)\"")
  }

  /// The value of the sample of `name` with all of these labels.
  private func sample(_ name: String, _ labels: String...) async throws -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let page = try await Run(
      ["curl", "--disable", "--silent", "--noproxy", "*", "http://\(metrics)/metrics"], environment: ["PATH": path],
      folder: daemon.folder
    ).outcome().outputText
    let line = page.split(separator: "\n").first { line in
      line.hasPrefix("secrets_agent_\(name){") && labels.allSatisfy(line.contains)
    }
    return line?.split(separator: " ").last.map(String.init)
  }

  /// Of one name at two places; and of two names at one place, which is one connection.
  @Test func connectionsAreToldApartByNameAndAddress() async throws {
    let nobody = "http://127.0.0.1:1"
    let run = try daemon.start()
    defer { run.send(SIGTERM) }
    try daemon.drop(lone(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    try daemon.drop(jobSpec(vault(nobody), ["A": kv2("web/db", "password")]), as: "other")
    let missing = kv2("web/none", "x").with([("from", "v2")])
    try daemon.drop(
      ["secret_providers": ["v2": vault(fakes.address)], "secrets": ["B": missing]] as JSON, as: "shared")
    let here = "connection=\"vault\",address=\"\(fakes.address)\""
    let there = "connection=\"vault\",address=\"\(nobody)\""
    #expect(try await daemon.reach(run) { try await sample("breaker_open", there) == "1" })
    #expect(try await sample("breaker_open", here) == "0")
    // What the store does not have is counted as missing, as the log calls it.
    #expect(
      try await daemon.reach(run) {
        (try await sample("provider_errors_total", here, "class=\"missing\"")).flatMap { Int($0) } ?? 0 > 0
      })
    #expect(try await sample("provider_errors_total", here, "class=\"transient\"") == "0")
    // Whoever joins a secret with its connection's calls finds them, whatever its document calls it.
    #expect(try await sample("secret_live", "secret=\"B\"", here) == "0")
    #expect(try await sample("secret_live", "secret=\"DB_PASSWORD\"", here) == "1")
    #expect(try await sample("secret_live", "secret=\"A\"", there) == "0")

    let status = try await daemon.command("status")
    #expect(status.outputText.contains("! provider vault at \(nobody): gives no answer"), status.said)
    // By the name that is in the document.
    #expect(status.outputText.contains("! shared/B: provider v2: secret/data/web/none: "), status.said)
    #expect(!status.outputText.contains("shared/B: provider vault"), status.said)
  }
}
