import Foundation

/// The Python that `make test` names, with boto3, moto, jsonschema and others in it (scripts/requirements.txt).
public enum Python {
  public static let path = ProcessInfo.processInfo.environment["SECRETS_AGENT_PYTHON"]
  public static let absence = "SECRETS_AGENT_PYTHON does not name a Python; see `make test`"

  public struct Fault: Error {
    public let status: Int32
    public let said: String
  }

  /// Runs `script` to its end and gives what it printed, warnings among it.
  @discardableResult
  public static func run(_ script: String, _ arguments: [String] = []) throws -> String {
    let process = process(["-c", script] + arguments)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let printed = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Fault(status: process.terminationStatus, said: String(decoding: printed, as: UTF8.self))
    }
    return String(decoding: printed, as: UTF8.self)
  }

  /// Without the machine's own identity, and without a look at its metadata service.
  public static func process(_ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path ?? "/nonexistent")
    process.arguments = arguments
    process.environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent",
      "AWS_EC2_METADATA_DISABLED": "true", "PYTHONUNBUFFERED": "1",
    ]
    process.standardInput = FileHandle.nullDevice
    return process
  }
}

/// moto's server (https://docs.getmoto.org/en/latest/docs/server_mode.html) on a free port.
public final class MotoServer {
  public let address: String
  private let process: Process

  public init() throws {
    process = Python.process(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    var said = ""
    while true {
      let part = output.fileHandleForReading.availableData
      guard !part.isEmpty else {
        throw Python.Fault(status: process.terminationStatus, said: said)
      }
      said += String(decoding: part, as: UTF8.self)
      if let start = said.range(of: "Running on http://"), let end = said[start.upperBound...].firstIndex(of: "\n") {
        address = "http://" + said[start.upperBound..<end].prefix { $0.isNumber || $0 == "." || $0 == ":" }
        break
      }
    }
    // What it logs from now on is read and thrown away, lest the pipe fills up.
    output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
  }

  public func stop() {
    // The test runner's threads block SIGTERM, and a child inherits that.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
