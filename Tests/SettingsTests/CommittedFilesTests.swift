import ExecutionModel
import Foundation
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon
@testable import NodePolicy
@testable import Settings

/// The two files of settings that the agent reads, with what is committed beside them.
enum CommittedFile: String, CaseIterable, Sendable {
  case agent, policy

  func text(_ suffix: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appendingPathComponent("config/\(rawValue).\(suffix)"), encoding: .utf8)
  }

  var schema: String? {
    switch self {
    case .agent: ConfigurationFile.schema.unsafeString()
    case .policy: PolicyFile.schema.unsafeString()
    }
  }

  var block: SettingShape.Block {
    switch self {
    case .agent: ConfigurationFile.settings.block
    case .policy: PolicyFile.settings.block
    }
  }

  /// What is wrong with `text`; empty where it is accepted.
  func faults(_ text: String) -> [DocumentFault] {
    do throws(DocumentFaults) {
      switch self {
      case .agent: _ = try ConfigurationFile.parse(SecretBytes(text))
      case .policy: _ = try PolicyFile.parse(SecretBytes(text), over: .strict, origin: "policy.yaml")
      }
      return []
    } catch {
      return error.faults
    }
  }

  /// The annotated example with its blocks that are commented out: lines that begin with `#` and no space, and what is in them.
  func exampleWithBlocks() throws -> String {
    try text("yaml").split(separator: "\n", omittingEmptySubsequences: false).map { (line: Substring) in
      let rest = line.dropFirst()
      let isOfBlock = line.hasPrefix("#") && (rest.hasPrefix("  ") || rest.first?.isLowercase == true)
      return String(isOfBlock ? rest : line)
    }.joined(separator: "\n")
  }

  /// The same with the settings of it that are commented out, too.
  func wholeExample() throws -> String {
    try exampleWithBlocks().split(separator: "\n", omittingEmptySubsequences: false).map { (line: Substring) in
      let indentation = line.prefix { $0 == " " }
      let rest = line.dropFirst(indentation.count)
      guard rest.hasPrefix("# ") else {
        return String(line)
      }
      let setting = rest.dropFirst(2)
      let key = setting.prefix { $0.isLowercase || $0 == "_" }
      return setting.dropFirst(key.count).hasPrefix(": ") && !key.isEmpty ? "\(indentation)\(setting)" : String(line)
    }.joined(separator: "\n")
  }
}

/// Every object of a declaration, itself first.
func blocks(of block: SettingShape.Block) -> [SettingShape.Block] {
  [block] + block.members.flatMap { blocks(of: $0.shape) }
}

private func blocks(of shape: SettingShape) -> [SettingShape.Block] {
  switch shape {
  case .text, .flag, .integer, .choice: []
  case .list(let element, _), .listOrOne(let element, _), .map(_, let element): blocks(of: element)
  case .either(let one, let other): blocks(of: one) + blocks(of: other)
  case .object(let block): blocks(of: block)
  }
}

@Suite struct CommittedFilesTests {
  @Test(arguments: CommittedFile.allCases) func theSchemaIsThatOfTheDeclarations(_ file: CommittedFile) throws {
    let schema = try #require(file.schema)
    #expect(try file.text("schema.json") == schema + "\n", "`make docs` writes it anew")
  }

  @Test(arguments: CommittedFile.allCases) func theDeclarationsAreSound(_ file: CommittedFile) {
    for block in blocks(of: file.block) {
      #expect(block.mistakes == [])
      for setting in block.members {
        #expect(setting.summary.hasSuffix(".") && !setting.summary.contains("\n"), "\(setting.key)")
      }
    }
  }

  @Test(arguments: CommittedFile.allCases) func everyKeyOfTheExampleIsDeclared(_ file: CommittedFile) throws {
    let example = try file.wholeExample()
    #expect(file.faults(try file.text("yaml")) == [])
    #expect(file.faults(try file.exampleWithBlocks()) == [])
    #expect(file.faults(example).filter { $0.message.contains("unknown") || $0.path.isEmpty } == [])
    // Were nothing put back in, that would hold nothing.
    if file == .agent {
      #expect(example.contains("\n      token_url: ") && example.contains("\n  metrics_address: "))
      #expect(example.contains("\n    - urls: ") && example.contains("\nvalues:\n"))
    }
  }

  @Test(arguments: CommittedFile.allCases) func everySettingStandsInTheExample(_ file: CommittedFile) throws {
    let example = try file.text("yaml")
    for setting in blocks(of: file.block).flatMap(\.members) {
      #expect(example.contains("\(setting.key):"), "no \(setting.key)")
    }
  }

  @Test(arguments: CommittedFile.allCases) func theExampleNamesItsSchemaForEditors(_ file: CommittedFile) throws {
    #expect(try file.text("yaml").hasPrefix("# yaml-language-server: $schema=./\(file.rawValue).schema.json\n"))
  }

  @Test(
    .enabled(if: Python.path != nil, "\(Python.absence)"), arguments: CommittedFile.allCases)
  func theSchemaTakesTheExampleAndRefusesATypo(_ file: CommittedFile) throws {
    let example = try file.exampleWithBlocks()
    let typos =
      file == .agent ? [("poll_interval:", "pol_interval:"), ("quiet: 2s", "quiet: 2 s")] : [("ports:", "port:")]
    let documents = [example] + typos.map { example.replacingOccurrences(of: $0, with: $1) }
    let faults = try SchemaValidator.faults(of: documents, schema: try file.text("schema.json"))
    #expect(faults[0] == "")
    for fault in faults.dropFirst() {
      #expect(fault != "")
    }
  }
}
