import Foundation
import Testing

/// What the command says of itself.
@Suite(.timeLimit(.minutes(15))) struct Help {
  private let agent: Agent

  init() throws { agent = try Agent() }

  @Test(arguments: ["", "resolve", "get", "check", "explain", "exec", "init", "providers", "schema", "version"])
  func everyCommandHasExamplesThatCanBeCopied(command: String) async throws {
    for arguments in [[command, "--help"], ["help", command]] {
      let outcome = try await agent.run(arguments.filter { !$0.isEmpty })
      #expect(outcome.status == Status.done && outcome.errorText == "", outcome.said)
      let lines = outcome.outputText.split(separator: "\n", omittingEmptySubsequences: false)
      let examples = lines.drop { $0 != "EXAMPLES" }.dropFirst().prefix { !$0.isEmpty }
      #expect(!examples.isEmpty, outcome.said)
      // A line that is folded cannot be copied.
      #expect(examples.allSatisfy { $0.hasPrefix("  secrets-agent ") }, outcome.said)
    }
  }

  @Test func everyCommandIsListed() async throws {
    let outcome = try await agent.run("--help")
    for command in ["resolve", "get", "check", "explain", "exec", "init", "providers", "schema", "version"] {
      #expect(outcome.outputText.contains("\n  \(command) "), outcome.said)
    }
  }

  @Test func providersAreListedWithTheirFields() async throws {
    let list = try await agent.run("providers")
    #expect(list.outputText.contains("hashicorp_vault: ") && list.outputText.contains("file: "), list.said)
    let vault = try await agent.run("providers", "hashicorp_vault")
    for word in ["`address`", "`tls.ca_cert`", "approle", "`secret_id_file`", "`engine_version`", "`secret_path`"] {
      #expect(vault.outputText.contains(word), vault.said)
    }
    let unknown = try await agent.run("providers", "hashicorp_valt")
    #expect(unknown.errorText.contains("hashicorp_vault"), unknown.said)
  }

  @Test(arguments: [[], ["execution"], ["agent"], ["policy"]])
  func everySchemaIsJSON(kind: [String]) async throws {
    let outcome = try await agent.run(["schema"] + kind)
    let schema = try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any]
    #expect(schema?["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema", outcome.said)
  }

  @Test func theVersionTellsOfTheLibraries() async throws {
    let outcome = try await agent.run("version")
    #expect(outcome.outputText.hasPrefix("secrets-agent "), outcome.said)
    #expect(outcome.outputText.contains("libcurl/") && outcome.outputText.contains("OpenSSL/"), outcome.said)
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completionsForShells(shell: String) async throws {
    let outcome = try await agent.run("--generate-completion-script", shell)
    #expect(outcome.status == Status.done, outcome.said)
    for word in ["secrets-agent", "resolve", "log-format", "hashicorp_vault"] {
      #expect(outcome.outputText.contains(word), "no \(word)")
    }
    guard shell == "bash" else { return }
    let file = try agent.folder.write(outcome.outputText, as: "completion")
    let checked = try await agent.shell("bash -n \(file)", [])
    #expect(checked.status == 0, checked.said)
  }

  // MARK: - Colours

  private func wrong() throws -> [String] { ["check", try agent.file(["secrets": ["A": ["from": "nobody"]]])] }

  @Test(arguments: [[:], ["NO_COLOR": "1"], ["TERM": "xterm-256color"]])
  func noEscapeCodesInAPipe(environment: [String: String]) async throws {
    var agent = agent
    agent.environment = environment
    for arguments in [try wrong(), ["--help"], ["bogus"], ["providers", "file"]] {
      let outcome = try await agent.run(arguments)
      #expect(!outcome.errorText.contains("\u{1b}") && !outcome.outputText.contains("\u{1b}"), outcome.said)
    }
  }

  private static let hasTerminals = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

  @Test(
    .enabled(if: hasTerminals, "script(1) makes the terminal"),
    arguments: [
      ([:], true), (["NO_COLOR": "1"], false), (["NO_COLOR": ""], true), (["TERM": "dumb"], false),
    ])
  func coloursOnATerminalUnlessUnwanted(environment: [String: String], isColoured: Bool) async throws {
    var agent = agent
    agent.environment = ["TERM": "xterm", "SHELL": "/bin/sh"].merging(environment) { $1 }
    let file = try wrong()[1]
    let shown = try await agent.shell(#"script -qec "$1 check \#(file)" /dev/null"#, [])
    #expect(shown.outputText.contains("error:"), shown.said)
    #expect(shown.outputText.contains("\u{1b}[") == isColoured, shown.said)
  }
}
