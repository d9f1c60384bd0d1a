import Foundation
import TestSupport
import Testing

/// The built executable, driven as from a shell.
struct SecretsAgent: Sendable {
  let folder: ScratchFolder
  /// The whole environment of the runs but for PATH and HOME.
  var environment: [String: String] = [:]

  init(_ environment: [String: String] = [:]) throws {
    folder = try ScratchFolder()
    self.environment = environment
  }

  /// Beside the test bundle, where `swift test` builds the package's executables;
  /// SECRETS_AGENT_EXECUTABLE names another.
  static let executable: String = {
    if let named = ProcessInfo.processInfo.environment["SECRETS_AGENT_EXECUTABLE"], !named.isEmpty { return named }
    let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent().appendingPathComponent("secrets-agent").path
  }()

  func start(_ arguments: [String], input: String? = nil) throws -> ChildProcess {
    let basics = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": folder.path,
    ]
    return try ChildProcess(
      Self.executable, arguments, environment: basics.merging(environment) { _, own in own }, input: input,
      folder: folder)
  }

  func run(_ arguments: String..., input: String? = nil) async throws -> Outcome {
    try await start(arguments, input: input).outcome()
  }

  /// Writes the document into the folder of this run; gives its path.
  func file(_ document: JobDocument) throws -> String {
    try folder.write(document.jobSpec.text, as: uniqueName("document-") + ".json")
  }

  /// `resolve DOC --format json --output -`. The time limit keeps a test of an unreachable server short.
  func resolve(_ document: JobDocument, _ more: String...) async throws -> Outcome {
    let arguments = ["resolve", try file(document), "--format", "json", "--output", "-", "--timeout", "20s"]
    return try await start(arguments + more).outcome()
  }

  /// Resolves, and expects exactly these names and values.
  func expect(
    _ document: JobDocument, gives values: [String: String], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await resolve(document)
    #expect(outcome.status == 0, Comment(rawValue: outcome.errorText), sourceLocation: sourceLocation)
    #expect(flatStrings(outcome.output) == values, sourceLocation: sourceLocation)
  }

  /// Resolves, and expects nothing on standard output, this exit status, and one line of standard error that
  /// holds all of these words, whatever their case.
  func expect(
    _ document: JobDocument, failsWith status: Int32, saying words: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await resolve(document)
    #expect(outcome.status == status, Comment(rawValue: outcome.errorText), sourceLocation: sourceLocation)
    #expect(outcome.outputText == "", sourceLocation: sourceLocation)
    #expect(outcome.hasErrorLine(with: words), Comment(rawValue: outcome.errorText), sourceLocation: sourceLocation)
  }
}

extension Outcome {
  /// Some line of standard error holds all of these words, whatever their case.
  func hasErrorLine(with words: [String]) -> Bool {
    errorText.split(separator: "\n").contains { line in
      words.allSatisfy { line.range(of: $0, options: .caseInsensitive) != nil }
    }
  }
}

/// Exit statuses, of sysexits.h.
enum Status {
  static let done: Int32 = 0
  static let usage: Int32 = 64
  static let invalidDocument: Int32 = 65
  static let unavailable: Int32 = 69
  static let cannotWrite: Int32 = 73
  static let denied: Int32 = 77
}
