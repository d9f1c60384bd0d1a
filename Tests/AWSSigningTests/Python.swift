import Foundation
import Testing

/// Runs a script by the Python that SECRETS_AGENT_PYTHON names, which has botocore.
enum Python {
  static let path = ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"]

  static func output(_ script: String, input: Data) throws -> Data {
    let process = Process()
    let (stdin, stdout) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: try #require(path))
    process.arguments = ["-c", script]
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    // More than a pipe holds may be written while more than one holds is answered.
    let writer = Thread {
      try? stdin.fileHandleForWriting.write(contentsOf: input)
      try? stdin.fileHandleForWriting.close()
    }
    writer.start()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return output
  }
}
