import Foundation
import Testing

/// `secrets-agent-fakes run`: a command with the fakes about it.
@Suite struct FakesRun {
  private let agent: Agent

  init() throws { agent = try Agent() }

  /// Runs `script` by sh(1), the fakes on free ports; `"$@"` in it is the agent with `arguments`.
  private func run(_ script: String, _ arguments: [String] = []) async throws -> Outcome {
    try await run(["sh", "-c", script, "sh", Built.agent] + arguments)
  }

  private func run(_ command: [String]) async throws -> Outcome {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try await Run(
      [Built.fakes, "run", "--port", "0", "--aws-port", "0", "--azure-port", "0", "--gcp-port", "0", "--"] + command,
      environment: ["PATH": path, "HOME": agent.folder.path], folder: agent.folder
    ).outcome()
  }

  private var example: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("config/examples/multicloud.yaml")
  }

  @Test func allSevenTypesOfProvidersResolveTogether() async throws {
    let text = try String(contentsOf: example, encoding: .utf8)
    let script = """
      sed -e "s|http://127.0.0.1:8200|$VAULT_ADDR|" -e "s|http://127.0.0.1:4566|$AWS_ENDPOINT_URL|" \\
        -e "s|http://127.0.0.1:8201|$AZURE_AUTHORITY_HOST|" '\(example.path)' | "$@"
      """
    for type in [
      "hashicorp_vault", "aws_secrets_manager", "aws_parameter_store", "aws_sts", "gcp_secret_manager",
      "azure_key_vault", "file",
    ] {
      #expect(
        text.contains("provider: \(type)\n") || text.contains("provider: \(type) ")
          || text.contains("provider: \(type),"))
    }
    let outcome = try await run(script, ["resolve", "-", "--format", "json", "--output", "-"])
    #expect(outcome.status == Status.done, outcome.said)
    let values = try #require(outcome.values)
    let expected = [
      "DB_USERNAME": "web", "DB_PASSWORD": "correct horse battery staple",
      "REPORTS_PASSWORD": "correct horse battery staple", "SIGNING_KEY": "AAECAwQFBgcICQ==",
      "SMTP_PASSWORD": "it's a \"demo\" $ecret", "MAPS_KEY": "demo-session-key-2", "SESSION_KEY": "demo-session-key-2",
      "NODE_NAME": try String(contentsOfFile: "/etc/hostname", encoding: .utf8),
    ]
    for (name, value) in expected {
      #expect(values[name] == value, "\(name)")
    }
    let temporary = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"].map {
      "UPLOADS_\($0)"
    }
    #expect(Set(values.keys) == Set(expected.keys).union(temporary))
  }

  @Test func itsPlanNamesEveryConnectionAndNoCredential() async throws {
    let outcome = try await agent.run("explain", example.path)
    #expect(outcome.status == Status.done, outcome.said)
    #expect(outcome.outputText.contains("9 secrets from 7 connections"))
    #expect(outcome.outputText.components(separatedBy: "\nconnection ").count == 8)
    for credential in ["demo-web-secret-id", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"] {
      #expect(!outcome.outputText.contains(credential))
    }
  }

  @Test(arguments: [("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $PPID; sleep 60", 143)] as [(String, Int32)])
  func theCommandsEndingIsItsOwn(script: String, status: Int32) async throws {
    #expect(try await run(script).status == status)
  }

  private func serve(_ arguments: String...) throws -> Run {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try Run(
      [Built.fakes, "serve"] + arguments, environment: ["PATH": path, "HOME": agent.folder.path], folder: agent.folder)
  }

  @Test func aPortThatAnotherHasIsTold() async throws {
    let fakes = try Fakes()
    let port = String(fakes.host.split(separator: ":").last ?? "")
    let outcome = try await serve("--port", port).outcome()
    #expect(outcome.status == 1 && outcome.errorLines.count == 1, outcome.said)
    #expect(outcome.errorText.contains("127.0.0.1:\(port): another process has this port; "), outcome.said)
  }

  @Test func theFolderOfCertificatesIsMade() async throws {
    let folder = agent.folder.file("certificates/of/fakes").path
    let run = try serve("--tls-folder", folder, "--gcp-folder", agent.folder.path)
    #expect(try await run.printed("ca: \(folder)/ca.pem"))
    #expect(FileManager.default.fileExists(atPath: "\(folder)/ca.pem"))
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
    let file = try agent.folder.write("", as: "plain")
    let refused = try await serve("--tls-folder", file).outcome()
    #expect(refused.status == 1 && refused.errorLines.count == 1, refused.said)
    #expect(refused.errorText.contains("\(file): cannot be written into: Not a directory"), refused.said)
  }

  @Test func aCommandThatIsNotThereIsTold() async throws {
    let outcome = try await run(["no-such-command"])
    #expect(outcome.status == 127)
    outcome.expectFailure(127, saying: "no-such-command: no such command")
  }
}
