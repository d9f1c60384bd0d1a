import Foundation
import Glibc
import TestSupport

/// A `secrets-agent daemon` that follows a folder of documents, in a scratch folder of its own.
final class RunningDaemon: Sendable {
  let folder: ScratchFolder
  private let agent: Agent

  init(_ more: String = "", api: String = "", environment: [String: String] = [:]) throws {
    agent = try Agent(environment)
    folder = agent.folder
    try FileManager.default.createDirectory(atPath: folder.file("documents").path, withIntermediateDirectories: false)
    try configure(api: api, more: more)
  }

  /// Writes its configuration.
  func configure(documents: String? = nil, sources: String? = nil, api: String = "", more: String = "") throws {
    let watched = "{folder: {path: \(documents ?? "\(folder.path)/documents"), quiet: 200ms}}"
    try folder.write(
      """
      node_id: test
      state_folder: \(folder.path)/state
      sources: \(sources ?? watched)
      outputs: {root: \(folder.path)/out}
      notice_delay: 100ms
      api: {socket: \(folder.path)/api.sock, \(api)}
      \(more)
      """, as: "agent.yaml")
  }

  /// Starts it; the test ends it. With `script` by sh(1): `exec "$@"` in it is the daemon.
  func start(_ more: String..., by script: String? = nil) throws -> Run {
    let arguments = ["daemon", "--config", folder.file("agent.yaml").path] + more
    return try script.map { try agent.start($0, arguments) } ?? agent.start(arguments)
  }

  func begin(_ arguments: String...) throws -> Run {
    try agent.start(arguments + ["--socket", folder.file("api.sock").path])
  }

  /// The same of a command that asks no daemon.
  func begin(plain arguments: String...) throws -> Run { try agent.start(arguments) }

  /// A command that asks no daemon.
  func plain(_ arguments: String...) async throws -> Outcome { try await agent.run(arguments) }

  func command(_ arguments: String...) async throws -> Outcome {
    try await agent.run(arguments + ["--socket", folder.file("api.sock").path])
  }

  /// Runs `script` by sh(1); `"$@"` in it is the agent with `arguments` and the daemon's socket.
  func shell(_ script: String, _ arguments: String...) async throws -> Outcome {
    try await agent.shell(script, arguments + ["--socket", folder.file("api.sock").path])
  }

  /// Puts a document into the watched folder, by a rename.
  func drop(_ document: JSON, as id: String) throws {
    try folder.write(document.text, as: "\(id).aside")
    rename(folder.file("\(id).aside").path, folder.file("documents/\(id).yaml").path)
  }

  func remove(_ id: String) {
    unlink(folder.file("documents/\(id).yaml").path)
  }

  /// One reader's view: `..data` is opened once, and all is read beneath it. `nil` where there is none, or it was replaced meanwhile.
  func generation(of id: String) -> [String: String]? {
    let descriptor = open(folder.file("out/\(id)/..data").path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let base = "/proc/self/fd/\(descriptor)"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: base) else { return nil }
    var contents: [String: String] = [:]
    for name in names {
      guard let text = try? String(contentsOfFile: "\(base)/\(name)", encoding: .utf8) else { return nil }
      contents[name] = text
    }
    return contents[".manifest.json"] == nil ? nil : contents
  }

  /// Waits until `condition` holds, however slow the machine; false when the daemon has ended.
  func reach(_ run: Run, _ condition: () async throws -> Bool) async throws -> Bool {
    while kill(run.pid, 0) == 0 {
      if try await condition() { return true }
      try await Task.sleep(for: .milliseconds(20))
    }
    return try await condition()
  }
}

extension Fakes {
  /// Writes a new version of a KV v2 secret.
  func put(_ mount: String, _ path: String, _ data: JSON) async throws {
    let command = [
      "curl", "--disable", "--silent", "--show-error", "--fail", "--noproxy", "*", "--header", "X-Vault-Token: root",
      "--data", JSON.object([("data", data)]).text, "\(address)/v1/\(mount)/data/\(path)",
    ]
    let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let outcome = try await Run(command, environment: ["PATH": search], folder: folder).outcome()
    guard outcome.status == 0 else { throw Broken("the fakes take no \(path): \(outcome.errorText)") }
  }
}
