import Foundation
import Glibc
import TestSupport

/// What Nomad's client does with a secrets plugin (hashicorp/nomad, client/commonplugins): the executable of that name beneath
/// `secrets` of its plugin folder is started with an operation, a path and an environment of its own making; the answer is what it
/// prints, a status other than 0 is a failure whose standard error is dropped, and what takes too long is sent SIGTERM.
struct NomadRunner: Sendable {
  /// Why Nomad would not start the task.
  struct Failure: Error, Equatable {
    let reason: String
  }

  private struct Fingerprint: Decodable {
    let type: String
    let version: String
  }

  private struct Answer: Decodable {
    let result: [String: String]?
    let error: String?
  }

  let folder: ScratchFolder
  private var plugin: String { folder.file("common_plugins/secrets/secrets-agent").path }

  /// Installs the plugin as docs/nomad.md says, over the daemon's configuration at `config`.
  init(config: String, timeout: String? = nil) throws {
    folder = try ScratchFolder()
    try FileManager.default.createDirectory(
      atPath: folder.file("common_plugins/secrets").path, withIntermediateDirectories: true)
    let limit = timeout.map { "--timeout \($0) " } ?? ""
    try folder.write(
      "#!/bin/sh\nexec \(Built.agent) nomad --config \(config) \(limit)\"$@\"\n",
      as: "common_plugins/secrets/secrets-agent")
    chmod(plugin, 0o755)
  }

  func start(_ arguments: [String], environment: [String: String]) throws -> Run {
    try Run([plugin] + arguments, environment: environment, folder: folder)
  }

  /// The plugin's type and version, as Nomad's client puts them among its node's attributes.
  func fingerprint() async throws -> (type: String, version: String) {
    let outcome = try await start(["fingerprint"], environment: ["CPI_OPERATION": "fingerprint"]).outcome()
    guard outcome.status == 0 else { throw Failure(reason: "exit status \(outcome.status)") }
    let answer = try JSONDecoder().decode(Fingerprint.self, from: outcome.output)
    return (answer.type, answer.version)
  }

  /// A secret block's values.
  ///
  /// - Parameter block: its `env`.
  func fetch(_ path: [String], block: [String: String] = [:]) async throws -> Result<[String: String], Failure> {
    let own = ["CPI_OPERATION": "fetch", "NOMAD_JOB_ID": "web", "NOMAD_NAMESPACE": "default"]
    return try await Self.answer(try start(["fetch"] + path, environment: own.merging(block) { _, block in block }))
  }

  /// What is answered where the wrapper has words of its own, and Nomad these.
  func answer(_ own: [String], _ given: [String]) async throws -> Result<[String: String], Failure> {
    try await Self.answer(
      try Run([Built.agent, "nomad"] + own + given, environment: ["CPI_OPERATION": "fetch"], folder: folder))
  }

  private static func answer(_ run: Run) async throws -> Result<[String: String], Failure> {
    let outcome = try await run.outcome()
    guard outcome.status == 0 else { throw Failure(reason: "exit status \(outcome.status): \(outcome.errorText)") }
    let answer = try JSONDecoder().decode(Answer.self, from: outcome.output)
    return answer.error.map { .failure(Failure(reason: $0)) } ?? .success(answer.result ?? [:])
  }

  func fetch(_ path: String, block: [String: String] = [:]) async throws -> Result<[String: String], Failure> {
    try await fetch([path], block: block)
  }
}

extension Result<[String: String], NomadRunner.Failure> {
  var reason: String {
    if case .failure(let failure) = self { failure.reason } else { "" }
  }
}
