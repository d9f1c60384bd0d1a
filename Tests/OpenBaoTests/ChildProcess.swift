import Foundation
import Glibc
import TestSupport

/// A program run to its end: what it printed and how it ended.
struct Outcome: Sendable {
  /// The exit status; 128 plus the signal's number where a signal ended it, as a shell reports it.
  let status: Int32
  let output: Data
  let errorText: String

  var outputText: String { String(decoding: output, as: UTF8.self) }
}

/// A program under the test's hand: its input and outputs are files, so that no pipe can fill up and block it.
final class ChildProcess: Sendable {
  let pid: pid_t
  let outputFile: URL
  let errorFile: URL
  private let ended: Task<Int32, Never>

  /// Starts `program` with exactly `environment`. It gets no descriptor but the three of the standard.
  init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
    folder: ScratchFolder
  ) throws {
    outputFile = folder.fresh("stdout")
    errorFile = folder.fresh("stderr")
    let inputPath = try input.map { try folder.write($0, as: folder.fresh("stdin").lastPathComponent) } ?? "/dev/null"

    pid = try spawn(
      [program] + arguments, environment: environment, descriptors: .files(input: inputPath, outputFile, errorFile))
    ended = Task { [pid] in
      await withCheckedContinuation { continuation in
        // A thread of its own: waiting for a child must not hold one of the few that run tests.
        Thread.detachNewThread {
          var status: Int32 = 0
          while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
          let signal = status & 0x7f
          continuation.resume(returning: signal == 0 ? (status >> 8) & 0xff : 128 + signal)
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
    return Outcome(
      status: status, output: try Data(contentsOf: outputFile),
      errorText: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self))
  }

  /// Waits until the program's standard output holds `text`; false when it ended without.
  func printed(_ text: String) async throws -> Bool {
    while true {
      let over = kill(pid, 0) != 0
      if String(decoding: try Data(contentsOf: outputFile), as: UTF8.self).contains(text) { return true }
      if over { return false }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

/// Runs a tool that the tests lean on, and fails where it fails.
@discardableResult
func tool(_ program: String, _ arguments: String..., input: String? = nil, folder: ScratchFolder) async throws -> Data {
  let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": folder.path]
  let child = try ChildProcess(program, arguments, environment: environment, input: input, folder: folder)
  let outcome = try await child.outcome()
  guard outcome.status == 0 else {
    throw ToolFault(program: program, status: outcome.status, said: outcome.errorText)
  }
  return outcome.output
}

struct ToolFault: Error, CustomStringConvertible {
  let program: String
  let status: Int32
  let said: String

  var description: String { "\(program) ended with status \(status): \(said)" }
}
