import Foundation
import Glibc
import Testing

/// Who may do what at the daemon's socket, and whose an execution is that several name.
@Suite(.timeLimit(.minutes(15))) struct LocalAPIRoles {
  private let fakes: Fakes

  init() throws {
    fakes = try Fakes()
  }

  private func ask(
    _ daemon: RunningDaemon, _ path: String, _ more: [String] = [], as identity: [String] = []
  ) async throws -> String {
    let command =
      identity + ["curl", "--disable", "--silent", "--unix-socket", daemon.folder.file("api.sock").path] + more
      + ["--write-out", " %{http_code}", "http://localhost/\(path)"]
    let environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
    return try await Run(command, environment: environment, folder: daemon.folder).outcome().outputText
  }

  /// Whether the status has an execution of that source.
  private func isOf(_ source: String, _ daemon: RunningDaemon) async throws -> Bool {
    try await ask(daemon, "v1/status").contains("\"source\": \"\(source)\"")
  }

  private func put(_ daemon: RunningDaemon, _ id: String) async throws -> String {
    try daemon.folder.write(demo(fakes.address).text, as: "put.json")
    return try await ask(daemon, "v1/executions/\(id)", ["--upload-file", daemon.folder.file("put.json").path])
  }

  private func started(_ daemon: RunningDaemon) async throws -> Run {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { FileManager.default.fileExists(atPath: daemon.folder.file("api.sock").path) })
    return run
  }

  @Test(arguments: [false, true])
  func aPutOverridesAFoldersExecutionOnlyWhereConfigured(_ overrides: Bool) async throws {
    let daemon = try RunningDaemon(api: overrides ? "put_overrides: true" : "")
    let run = try await started(daemon)
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let answer = try await put(daemon, "web")
    if overrides {
      #expect(answer == "accepted\n 202")
    } else {
      #expect(answer == "folder \(daemon.folder.path)/documents lists this execution; see api.put_overrides\n 409")
    }
    let source = overrides ? "local API" : "folder \(daemon.folder.path)/documents"
    #expect(try await daemon.reach(run) { try await isOf(source, daemon) })
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func whatAFolderListsLaterIsTheFolders() async throws {
    let daemon = try RunningDaemon()
    let run = try await started(daemon)
    #expect(try await put(daemon, "web") == "accepted\n 202")
    #expect(try await isOf("local API", daemon))
    try daemon.drop(demo(fakes.address), as: "web")
    let source = "folder \(daemon.folder.path)/documents"
    #expect(try await daemon.reach(run) { try await isOf(source, daemon) })
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  /// Asks as another user, which root alone can.
  @Test(.enabled(if: geteuid() == 0))
  func readersLookAndOperatorsChange() async throws {
    let daemon = try RunningDaemon(
      api: "mode: \"0660\", group: \"12345\", allowed_users: [\"12345\"], operator_users: [\"12346\"]")
    chmod(daemon.folder.path, 0o755)
    let run = try await started(daemon)
    let identities = ["12345", "12346", "12347"].map {
      ["setpriv", "--reuid", $0, "--regid", "12345", "--clear-groups"]
    }
    let requests: [(String, String, [Int])] = [
      ("GET", "v1/status", [200, 200, 403]), ("GET", "metrics", [200, 200, 403]), ("GET", "healthz", [200, 200, 403]),
      ("POST", "v1/refresh", [403, 202, 403]), ("PUT", "v1/executions/x", [403, 422, 403]),
      ("DELETE", "v1/executions/x", [403, 404, 403]),
    ]
    for (method, path, expected) in requests {
      for (identity, expected) in zip(identities, expected) {
        let answer = try await ask(daemon, path, ["--request", method], as: identity)
        #expect(answer.hasSuffix(" \(expected)"), "\(method) \(path) as \(identity[2]): \(answer)")
      }
    }
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  /// Asks as another user, which root alone can.
  @Test(.enabled(if: geteuid() == 0))
  func aWorkloadMaySayThatItsValueWasRefusedAndNothingElse() async throws {
    let daemon = try RunningDaemon(
      api: "mode: \"0660\", group: \"12345\", allowed_users: [\"12347\"], "
        + "workload_users: {web: \"12345\", other: \"12346\"}")
    chmod(daemon.folder.path, 0o755)
    let run = try await started(daemon)
    try daemon.drop(demo(fakes.address), as: "web")
    #expect(try await daemon.reach(run) { daemon.generation(of: "web") != nil })
    let identities = ["12345", "12346", "12347"].map {
      ["setpriv", "--reuid", $0, "--regid", "12345", "--clear-groups"]
    }
    let refused = "v1/refresh/web/API_KEY?reason=refused"
    let requests: [(String, String, [Int])] = [
      ("GET", "v1/status", [403, 403, 200]), ("GET", "metrics", [403, 403, 200]), ("GET", "healthz", [403, 403, 200]),
      ("POST", "v1/refresh", [403, 403, 403]), ("POST", "v1/refresh/web", [403, 403, 403]),
      ("POST", "v1/refresh/web/API_KEY", [403, 403, 403]), ("PUT", "v1/executions/x", [403, 403, 403]),
      ("DELETE", "v1/executions/web", [403, 403, 403]), ("POST", "v1/refresh/web?reason=refused", [403, 403, 403]),
      ("POST", "v1/refresh/web/API_KEY?reason=other", [400, 400, 400]),
      ("POST", "v1/refresh/nowhere/API_KEY?reason=refused", [403, 403, 403]),
      ("POST", "v1/refresh/web/NOTHING?reason=refused", [404, 403, 403]),
      ("POST", refused, [202, 403, 403]),
    ]
    for (method, path, expected) in requests {
      for (identity, expected) in zip(identities, expected) {
        let answer = try await ask(daemon, path, ["--request", method], as: identity)
        #expect(answer.hasSuffix(" \(expected)"), "\(method) \(path) as \(identity[2]): \(answer)")
      }
    }
    // By one curl, since on a busy machine two programs may be as far apart as it takes until it may be said again.
    let more = ["--request", "POST", "http://localhost/\(refused)"]
    let twice = try await ask(daemon, refused, more, as: identities[0])
    #expect(twice.hasSuffix(" 429"), "\(twice)")
    let metrics = try await ask(daemon, "metrics")
    #expect(metrics.contains(#"secrets_agent_refused_values_total{execution="web",outcome="fetched"}"#))
    #expect(metrics.contains(#"secrets_agent_refused_values_total{execution="web",outcome="too_soon"}"#))
    let said = try await daemon.command("refresh", "web", "DB_PASSWORD", "--reason", "refused")
    #expect(said.status == 0 && said.outputText == "1 fetch started\n", said.said)
    #expect(try await daemon.command("refresh", "web", "--reason", "refused").status == 64)
    for path in ["v1/refresh?reason=refused", "v1/refresh/web?reason=refused"] {
      let answer = try await ask(daemon, path, ["--request", "POST"])
      #expect(answer == "a reason is for one secret: POST /v1/refresh/{id}/{secret}?reason=refused\n 400")
    }
    run.send(SIGTERM)
    _ = try await run.outcome()
  }
}
