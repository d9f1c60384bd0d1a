import Foundation
import Glibc
import TestSupport
import Testing

/// A daemon with the sealed cache on and one execution, `web`, in its folder of documents; it is ended and started anew.
struct CachedDaemon {
  let folder: ScratchFolder

  init(_ document: JobDocument) async throws {
    folder = try ScratchFolder()
    try FileManager.default.createDirectory(atPath: folder.file("documents").path, withIntermediateDirectories: false)
    try folder.write(
      """
      node_id: test
      state_folder: \(folder.path)/state
      cache: {key_file: \(folder.path)/cache.key}
      sources: {folder: {path: \(folder.path)/documents}}
      outputs: {root: \(folder.path)/out}
      api: {socket: \(folder.path)/api.sock}
      """, as: "agent.yaml")
    try folder.write(document.jobSpec.text, as: "documents/web.json")
    _ = try await SecretsAgent().run("cache", "init", "--key-file", folder.file("cache.key").path)
  }

  /// Standard error goes to `log`, behind what is there.
  func start() throws -> Process {
    let log = folder.file("log").path
    close(open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600))
    let daemon = Process()
    daemon.executableURL = URL(fileURLWithPath: SecretsAgent.executable)
    daemon.arguments = ["daemon", "--config", folder.file("agent.yaml").path]
    let handle = FileHandle(forWritingAtPath: log)
    try handle?.seekToEnd()
    daemon.standardError = handle
    try daemon.run()
    return daemon
  }

  func value(_ name: String) throws -> String { try folder.text(of: "out/web/\(name)") }

  /// Until `holds`, as long as the daemon runs.
  func reach(_ daemon: Process, _ holds: () async throws -> Bool) async throws {
    while try await !holds() {
      guard daemon.isRunning else { throw EndedEarly(log: (try? folder.text(of: "log")) ?? "") }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Until the values are there, live, and sealed.
  func settled(_ daemon: Process) async throws {
    try await reach(daemon) {
      let agent = try SecretsAgent()
      let status = try await agent.run("status", "--socket", folder.file("api.sock").path)
      let kept = try await agent.run("cache", "verify", "--config", folder.file("agent.yaml").path)
      return status.outputText.contains("web  live") && kept.outputText.hasPrefix("1 execution ")
    }
  }

  struct EndedEarly: Error {
    let log: String
  }
}
