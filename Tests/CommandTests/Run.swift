import Foundation
import Glibc
import TestSupport
import Testing

/// A program run to its end: what it printed, how it ended, what it took.
struct Outcome: Sendable {
  /// The exit status; 128 plus the signal's number where a signal ended it.
  let status: Int32
  let signal: Int32
  let output: Data
  let errorText: String

  var outputText: String { String(decoding: output, as: UTF8.self) }
  var errorLines: [String] { errorText.split(separator: "\n").map(String.init) }
  /// Lines that tell of a fault, beside warnings and log records.
  var faults: [String] { errorLines.filter { $0.hasPrefix("error: ") } }
  var values: [String: String]? { flatStrings(output) }
  /// All that was printed, for a failed expectation's comment.
  var said: Comment { "status \(status), stdout: \(outputText.prefix(2000)), stderr: \(errorText.prefix(4000))" }

  /// Nothing was delivered, the status is `expected`, and the only `error:` line holds all of `words`.
  func expectFailure(
    _ expected: Int32, saying words: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(status == expected, said, sourceLocation: sourceLocation)
    #expect(output.isEmpty, said, sourceLocation: sourceLocation)
    #expect(faults.count == 1, said, sourceLocation: sourceLocation)
    for word in words {
      #expect(faults.first?.contains(word) == true, "no \(word): \(errorText)", sourceLocation: sourceLocation)
    }
  }
}

/// A program under the test's hand: its input and outputs are files, so that no pipe can fill up and block it.
final class Run: Sendable {
  let pid: pid_t
  /// Held, so that it is not removed before the outcome is read.
  private let folder: ScratchFolder
  private let outputFile: URL
  private let errorFile: URL
  private let ended: Task<Int32, Never>

  init(_ command: [String], environment: [String: String], input: String? = nil, folder: ScratchFolder) throws {
    self.folder = folder
    outputFile = folder.fresh("stdout")
    errorFile = folder.fresh("stderr")
    let inputPath = try input.map { try folder.write($0, as: folder.fresh("stdin").lastPathComponent) } ?? "/dev/null"
    let flags = O_WRONLY | O_CREAT | O_CLOEXEC
    let descriptors = [
      open(inputPath, O_RDONLY | O_CLOEXEC), open(outputFile.path, flags, 0o600), open(errorFile.path, flags, 0o600),
    ]
    defer {
      for descriptor in descriptors { close(descriptor) }
    }
    let pid = try spawn(
      command, environment: environment, input: descriptors[0], output: descriptors[1], error: descriptors[2])
    self.pid = pid
    ended = Task {
      await withCheckedContinuation { continuation in
        // A thread of its own: waiting for a child must not hold one of the few that run tests.
        Thread.detachNewThread {
          var status: Int32 = 0
          while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
          continuation.resume(returning: status)
        }
      }
    }
  }

  func send(_ signal: Int32) { kill(pid, signal) }

  /// Waits for the end. A test that runs into its time limit kills the program.
  func outcome() async throws -> Outcome {
    let status = await withTaskCancellationHandler {
      await ended.value
    } onCancel: {
      kill(pid, SIGKILL)
    }
    let signal = status & 0x7f
    return Outcome(
      status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, signal: signal,
      output: try Data(contentsOf: outputFile),
      errorText: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
  }

  /// What it wrote to standard error so far.
  func errorSoFar() throws -> String { String(decoding: try Data(contentsOf: errorFile), as: UTF8.self) }

  /// Waits until the program's standard output holds `text`; false when it ended without.
  func printed(_ text: String) async throws -> Bool {
    while true {
      let isOver = kill(pid, 0) != 0
      if String(decoding: try Data(contentsOf: outputFile), as: UTF8.self).contains(text) { return true }
      if isOver { return false }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

/// Where the built executables are: beside the test bundle, or where the environment says.
enum Built {
  static let agent = path("secrets-agent", "SECRETS_AGENT_EXECUTABLE")
  static let fakes = path("secrets-agent-fakes", "SECRETS_AGENT_FAKES")

  private static func path(_ name: String, _ variable: String) -> String {
    if let named = ProcessInfo.processInfo.environment[variable], !named.isEmpty { return named }
    let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent().appendingPathComponent(name).path
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
  static let invalidConfiguration: Int32 = 78
}

/// The agent, driven as from a shell, in a folder of its own.
struct Agent: Sendable {
  let folder: ScratchFolder
  /// The whole environment of the runs but for ``basics``.
  var environment: [String: String]

  init(_ environment: [String: String] = [:]) throws {
    folder = try ScratchFolder()
    self.environment = environment
  }

  /// Where programs are, and a home.
  private var basics: [String: String] {
    ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": folder.path]
  }

  func start(_ arguments: [String], input: String? = nil) throws -> Run {
    try Run(
      [Built.agent] + arguments, environment: basics.merging(environment) { $1 }, input: input, folder: folder)
  }

  /// Starts `script` by sh(1); `"$@"` in it is the agent with `arguments`.
  func start(_ script: String, _ arguments: [String]) throws -> Run {
    try Run(
      ["sh", "-c", script, "sh", Built.agent] + arguments, environment: basics.merging(environment) { $1 },
      folder: folder)
  }

  /// The same to its end.
  func shell(_ script: String, _ arguments: [String]) async throws -> Outcome {
    try await start(script, arguments).outcome()
  }

  func run(_ arguments: String..., input: String? = nil) async throws -> Outcome {
    try await start(arguments, input: input).outcome()
  }

  func run(_ arguments: [String]) async throws -> Outcome { try await start(arguments).outcome() }

  /// Writes `document` into the folder; gives its path.
  func file(_ document: JSON) throws -> String {
    try folder.write(document.text, as: uniqueName("document-") + ".json")
  }

  /// `resolve DOC --format json --output -`.
  func resolve(_ document: JSON, _ more: String...) async throws -> Outcome {
    try await run(["resolve", try file(document), "--format", "json", "--output", "-"] + more)
  }
}
