import Foundation
import Testing

/// The man pages that `scripts/man` makes of the built executable's help.
@Suite(.timeLimit(.minutes(15))) struct ManPageTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let lintIsHere = FileManager.default.isExecutableFile(atPath: "/usr/bin/mandoc")

  private let agent: Agent

  init() throws { agent = try Agent() }

  /// Makes all pages; gives them by name.
  private func pages(_ environment: [String: String] = [:]) async throws -> [String: String] {
    var agent = agent
    agent.environment = environment
    let folder = agent.folder.file("man")
    let made = try await agent.shell("exec python3 '\(Self.root.path)/scripts/man' \"$1\" '\(folder.path)'", [])
    try #require(made.status == 0, made.said)
    var pages: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      pages[name] = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }
    return pages
  }

  @Test func everyCommandHasAPageWithItsOptionsAndExamples() async throws {
    let pages = try await pages()
    #expect(pages["secrets-agent.1"]?.contains(".SH EXIT STATUS\n") == true)
    #expect(pages["secrets-agent-help.1"] == nil)
    for command in ["resolve", "check", "exec", "daemon", "status", "cache-init", "version"] {
      let page = try #require(pages["secrets-agent-\(command).1"], "\(command)")
      #expect(page.contains(".SH EXAMPLES\n.nf\nsecrets\\-agent "), "\(command)")
    }
    let exec = try #require(pages["secrets-agent-exec.1"])
    #expect(exec.contains("\\fB\\-\\-watch\\fR, \\fB\\-\\-restart\\-on\\-change\\fR\n"))
    #expect(exec.contains("\\fB\\-\\-\\fR [\\fIcommand\\fR ...]"))
  }

  @Test func aPageIsDatedByTheSource() async throws {
    let page = try await pages(["SOURCE_DATE_EPOCH": "86400"])["secrets-agent.1"]
    #expect(page?.contains(" 1 1970-01-02 ") == true)
  }

  @Test(.enabled(if: lintIsHere, "mandoc is not installed")) func aReaderOfManPagesFindsNoFault() async throws {
    _ = try await pages()
    let lint = try await agent.shell("exec mandoc -T lint -W style '\(agent.folder.path)'/man/*.1", [])
    #expect(lint.status == 0 && lint.outputText.isEmpty && lint.errorText.isEmpty, lint.said)
  }
}
