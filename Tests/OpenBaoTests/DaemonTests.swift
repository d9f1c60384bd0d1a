import Foundation
import Glibc
import TestSupport
import Testing

extension OpenBaoTests {
  /// The daemon against a real server whose tokens live ten seconds: they are renewed, and nothing fails for a minute.
  @Suite struct DaemonOnShortTokens {
    @Test func aMinuteOfTenSecondTokensPassesWithoutAFailedFetch() async throws {
      let server = try await OpenBaoServer.shared()
      let path = uniqueName("daemon-")
      let role = uniqueName("daemon-role-")
      try await server.root.write("secret/data/\(path)", ["data": ["password": "first"]])
      try await server.root.write(
        "sys/policies/acl/\(role)", ["policy": "path \"secret/data/\(path)\" { capabilities = [\"read\"] }"])
      try await server.root.write(
        "auth/approle/role/\(role)", ["token_policies": "\(role)", "token_ttl": "10s", "token_max_ttl": "25s"])
      try await server.root.write("auth/approle/role/\(role)/role-id", ["role_id": "\(role)"])
      try await server.root.write("auth/approle/role/\(role)/custom-secret-id", ["secret_id": "\(role)-secret"])
      let folder = try ScratchFolder()
      try FileManager.default.createDirectory(atPath: folder.file("documents").path, withIntermediateDirectories: false)
      let config = try folder.write(
        """
        node_id: test
        state_folder: \(folder.path)/state
        sources: {folder: {path: \(folder.path)/documents}}
        outputs: {root: \(folder.path)/out}
        api: {socket: \(folder.path)/api.sock}
        """, as: "agent.yaml")
      try folder.write(
        """
        secret_providers:
          bao:
            provider: hashicorp_vault
            address: \(server.address)
            auth: {method: approle, role_id: \(role), secret_id: \(role)-secret}
        secrets:
          PASSWORD: {from: bao, mount: secret, secret_path: \(path), field: password, refresh: 1s}
        """, as: "documents/web.yaml")
      let daemon = Process()
      daemon.executableURL = URL(fileURLWithPath: SecretsAgent.executable)
      daemon.arguments = ["daemon", "--config", config]
      daemon.standardError = FileHandle(forWritingAtPath: "/dev/null")
      try daemon.run()
      defer { kill(daemon.processIdentifier, SIGKILL) }
      func value() -> String? { try? folder.text(of: "out/web/PASSWORD") }
      while value() != "first" {
        #expect(daemon.isRunning)
        try await Task.sleep(for: .milliseconds(50))
      }
      try await Task.sleep(for: .seconds(30))
      try await server.root.write("secret/data/\(path)", ["data": ["password": "second"]])
      try await Task.sleep(for: .seconds(30))
      #expect(value() == "second")
      let metrics = try await Self.metrics(folder)
      #expect(Self.sum("secrets_agent_provider_errors_total", metrics) == 0, Comment(rawValue: metrics))
      #expect(Self.sum("secrets_agent_provider_renewals_total", metrics) > 0)
      // The maximum life of 25 s makes new logins necessary, and no more than that.
      #expect((2...8).contains(Self.sum("secrets_agent_provider_logins_total", metrics)), Comment(rawValue: metrics))
      #expect(Self.sum("secrets_agent_provider_calls_total", metrics) > 40)
    }

    private static func metrics(_ folder: ScratchFolder) async throws -> String {
      let curl = Process()
      curl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      curl.arguments = [
        "curl", "--silent", "--unix-socket", folder.file("api.sock").path, "http://localhost/metrics",
      ]
      let pipe = Pipe()
      curl.standardOutput = pipe
      try curl.run()
      let text = pipe.fileHandleForReading.readDataToEndOfFile()
      curl.waitUntilExit()
      return String(decoding: text, as: UTF8.self)
    }

    /// Of all samples of a family.
    private static func sum(_ family: String, _ metrics: String) -> Int {
      metrics.split(separator: "\n").filter { $0.hasPrefix(family + "{") }
        .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.map { Int($0) }.reduce(0, +)
    }
  }
}
