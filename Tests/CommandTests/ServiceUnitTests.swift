import Foundation
import Glibc
import TestSupport
import Testing

/// The unit and the drop-ins of config/deploy, by systemd's own tool, and the configurations as they are shipped.
@Suite(.timeLimit(.minutes(15))) struct ServiceUnitTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let tool = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  private static let absence: Comment = "systemd-analyze is not there; scripts/setup installs it"
  private static let environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]

  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// The unit with the built executable, and a drop-in where one is named; its path.
  private func unit(dropIn: String? = nil, more: String = "") throws -> String {
    let text = try Self.text("config/deploy/secrets-agent.service")
      .replacing("/usr/local/bin/secrets-agent", with: Built.agent).replacing("\n[Install]", with: more + "\n[Install]")
    if let dropIn {
      let own = folder.file("secrets-agent.service.d")
      try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
      try folder.write(try Self.text("config/deploy/\(dropIn)"), as: "secrets-agent.service.d/\(dropIn)")
    }
    return try folder.write(text, as: "secrets-agent.service")
  }

  private func analyze(_ arguments: String...) async throws -> Outcome {
    try await Run([try #require(Self.tool)] + arguments, environment: Self.environment, folder: folder).outcome()
  }

  @Test(
    .enabled(if: tool != nil, absence),
    arguments: [nil, "secrets-agent-credentials.conf", "secrets-agent-root.conf"])
  func systemdFindsNoFault(_ dropIn: String?) async throws {
    let outcome = try await analyze("verify", "--man=no", try unit(dropIn: dropIn))
    #expect(outcome.status == 0 && outcome.errorText.isEmpty && outcome.output.isEmpty, outcome.said)
  }

  @Test(.enabled(if: tool != nil, absence)) func systemdWouldFindOne() async throws {
    let outcome = try await analyze("verify", "--man=no", try unit(more: "\nType=frobnicate\n"))
    #expect(outcome.errorText.contains("frobnicate"), outcome.said)
  }

  @Test(.enabled(if: tool != nil, absence)) func theUnitIsExposedLittle() async throws {
    let limit = "--threshold=20"
    let outcome = try await analyze("security", "--offline=true", limit, "--no-pager", try unit())
    #expect(outcome.status == 0, outcome.said)
    let exposed = try unit(
      more: "\nDynamicUser=no\nUser=root\nProtectSystem=no\nCapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE\n")
    let open = try await analyze("security", "--offline=true", limit, "--no-pager", exposed)
    #expect(open.status != 0, open.said)
  }

  @Test func theUnitsCommandsAreThoseOfTheExecutable() async throws {
    let text = try Self.text("config/deploy/secrets-agent.service")
    let commands = text.matches(of: /\nExec\w+=\/usr\/local\/bin\/secrets-agent (\w+)/).map { String($0.1) }
    #expect(commands == ["daemon", "reload"])
    for command in commands {
      #expect(try await Agent(Self.environment).run(command, "--help").status == Status.done)
    }
  }

  // MARK: - agent.yaml as it is shipped

  /// The file with its folders below the test's own.
  private func shipped(_ path: String) throws -> String {
    let text = try ["/var/lib/", "/run/", "/etc/"].reduce(Self.text(path)) { text, start in
      text.replacing(start + "secrets-agent", with: "\(folder.path)\(start)secrets-agent")
    }
    return try folder.write(text, as: "agent.yaml")
  }

  private func mode(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: folder.file(path).path))?[.posixPermissions] as? Int
  }

  @Test(arguments: ["config/agent.yaml", "packaging/agent.yaml"])
  func whatIsShippedStartsAndMakesItsFolders(_ path: String) async throws {
    let fakes = try Fakes()
    let documents = folder.file("etc/secrets-agent/executions")
    try FileManager.default.createDirectory(at: documents, withIntermediateDirectories: true)
    try folder.write(demo(fakes.address).text, as: "etc/secrets-agent/executions/web.yaml")
    try folder.write("", as: "etc/secrets-agent/policy.yaml")
    let config = try shipped(path)
    let state = path.hasPrefix("packaging") ? "state_folder: \(folder.path)/var/lib/secrets-agent\n" : ""
    let api = path.hasPrefix("packaging") ? "api: {socket: \(folder.path)/run/secrets-agent/api.sock}\n" : ""
    try folder.write(try String(contentsOfFile: config, encoding: .utf8) + state + api, as: "agent.yaml")
    // As systemd's UMask= has it.
    let run = try Run(
      ["sh", "-c", #"umask 077; exec "$@""#, "sh", Built.agent, "daemon", "--config", config],
      environment: Self.environment, folder: folder)
    let delivered = folder.file("run/secrets-agent/executions/web/DB_PASSWORD").path
    while kill(run.pid, 0) == 0, !FileManager.default.fileExists(atPath: delivered) {
      try await Task.sleep(for: .milliseconds(20))
    }
    let told = try run.errorSoFar()
    #expect(FileManager.default.fileExists(atPath: delivered), "\(told)")
    // Others pass to what is theirs, and list nothing.
    #expect(mode("run/secrets-agent") == 0o711 && mode("run/secrets-agent/executions") == 0o711)
    #expect(mode("run/secrets-agent/executions/web") == 0o700)
    #expect(mode("var/lib/secrets-agent") == 0o700)
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }

  /// Starts it as it is shipped, without any folder, and waits until a probe says that it is ready.
  private func expectReady(as user: [String], _ path: String) async throws {
    let config = try shipped(path)
    if path.hasPrefix("packaging") {
      // The defaults that the file leaves out.
      let more =
        "state_folder: \(folder.path)/var/lib/secrets-agent\napi: {socket: \(folder.path)/run/secrets-agent/api.sock}\n"
      try folder.write(try String(contentsOfFile: config, encoding: .utf8) + more, as: "agent.yaml")
      try FileManager.default.createDirectory(
        at: folder.file("etc/secrets-agent"), withIntermediateDirectories: true)
      try folder.write("", as: "etc/secrets-agent/policy.yaml")
    }
    if !user.isEmpty {
      let owned = try Run(["chown", "-R", "65534", folder.path], environment: Self.environment, folder: folder)
      #expect(try await owned.outcome().status == 0)
      chmod(folder.path, 0o755)
    }
    let run = try Run(
      user + [Built.agent, "daemon", "--config", config], environment: Self.environment, folder: folder)
    let socket = folder.file("run/secrets-agent/api.sock").path
    while kill(run.pid, 0) == 0,
      try await Agent(Self.environment).run("status", "--check", "--socket", socket).status != 0
    {
      try await Task.sleep(for: .milliseconds(50))
    }
    let told = try run.errorSoFar()
    #expect(!told.contains("level=warning"), "\(told)")
    #expect(mode("etc/secrets-agent/executions") == 0o755)
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }

  @Test(arguments: ["config/agent.yaml", "packaging/agent.yaml"])
  func whatIsShippedIsReadyWithoutAnyFolder(_ path: String) async throws { try await expectReady(as: [], path) }

  @Test(.enabled(if: geteuid() == 0, "it takes root to be another user"))
  func itIsReadyForAPlainUserToo() async throws {
    try await expectReady(
      as: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], "config/agent.yaml")
  }

  /// In the daemon's sandbox /etc is read-only.
  @Test func aFolderOfDocumentsThatCannotBeMadeIsToldWithTheWayOut() async throws {
    let daemon = try RunningDaemon()
    let file = try daemon.folder.write("", as: "plain")
    try daemon.configure(documents: "\(file)/documents")
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { try run.errorSoFar().contains("mkdir") })
    let line = try run.errorSoFar().split(separator: "\n").first { $0.contains("mkdir") } ?? ""
    #expect(line.contains("level=warning") && line.contains("mkdir -p \(file)/documents"), "\(line)")
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
  }

  @Test(.enabled(if: geteuid() == 0, "it takes root to be another user"))
  func aPlainUserIsToldWhichFoldersAreMissing() async throws {
    chmod(folder.path, 0o755)
    let config = try shipped("config/agent.yaml")
    chmod(config, 0o644)
    let outcome = try await Run(
      ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Built.agent, "daemon", "--config", config],
      environment: Self.environment, folder: folder
    ).outcome()
    outcome.expectFailure(
      Status.cannotWrite, saying: "\(folder.path)/var/lib/secrets-agent (for state_folder: Permission denied",
      "\(folder.path)/run/secrets-agent (for api.socket: ",
      "\(folder.path)/etc/secrets-agent/executions (for sources.folder: ", "make them for user 65534")
  }
}
