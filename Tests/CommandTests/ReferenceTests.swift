import Foundation
import Testing

/// docs/reference.md against the sources: each exit status and each log event, in both directions. Metrics are held against a page
/// of metrics, by `AgentDaemonTests`.
@Suite struct ReferenceTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private let page: String
  /// The agent's own sources.
  private let sources: [(name: String, text: String)]

  init() throws {
    page = try String(contentsOf: Self.root.appendingPathComponent("docs/reference.md"), encoding: .utf8)
    var sources: [(name: String, text: String)] = []
    for folder in ["Sources", "providers"] {
      let files = FileManager.default.enumerator(
        at: Self.root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
      while let file = files?.nextObject() as? URL {
        // The fakes and what is beside the agent log for their own users.
        guard file.pathExtension == "swift", !file.path.contains("akes/") else { continue }
        sources.append((file.lastPathComponent, try String(contentsOf: file, encoding: .utf8)))
      }
    }
    self.sources = sources
  }

  /// The first section of that heading, up to the next one.
  private func section(_ heading: String) throws -> Substring {
    let start = try #require(page.range(of: "\n## \(heading)\n"))
    let rest = page[start.upperBound...]
    return rest.range(of: "\n## ").map { rest[..<$0.lowerBound] } ?? rest
  }

  @Test func everyExitStatusIsListed() throws {
    let statuses = try #require(sources.first { $0.name == "FaultPrinter.swift" })
      .text.matches(of: /case \w+ = (\d+)/).compactMap { Int($0.1) }
    let listed = try section("Exit statuses").matches(of: /\n\| (\d+) \|/).compactMap { Int($0.1) }
    #expect(listed == [0] + statuses.sorted())
  }

  /// What varies is `…`, as in the page.
  private func event(_ literal: Substring) -> String {
    String(literal.replacing(/\\\([^()]*\)/) { _ in "…" })
  }

  @Test func everyLogEventIsListed() throws {
    let listed = Set(try section("Log events").matches(of: /`([^`]+)`/).map { String($0.1) })
    var logged: Set<String> = []
    for (name, text) in sources {
      for match in text.matches(of: /\blog\s*\.(info|notice|warning|error|critical)\(\s*"((?:[^"\\]|\\.)*)"/) {
        let event = event(match.2)
        logged.insert(event)
        // One whose words are another's, as a clock's difference, has no words to list.
        #expect(event == "…" || listed.contains(event), "\(name): \(event)")
      }
    }
    #expect(logged.count > 30)
  }

  @Test func noEventIsListedThatNobodyLogs() throws {
    let rows = try section("Log events").matches(of: /\n\| \w+ \| ([^|]+) \|/)
    let listed = rows.flatMap { $0.1.matches(of: /`([^`]+)`/).map { String($0.1) } }
    #expect(listed.count > 30)
    let literals = Set(
      sources.flatMap { $0.text.matches(of: /"((?:[^"\\\n]|\\.)*)"/).map { event($0.1) } })
    for event in listed {
      #expect(literals.contains(event), "nobody logs \(event)")
    }
  }
}
