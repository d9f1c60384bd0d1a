import Foundation
import Glibc
import TestSupport
import Testing

/// What `reload` tells: which file is at fault, and which settings wait for a restart.
@Suite(.timeLimit(.minutes(15))) struct ReloadFaults {
  private let daemon: RunningDaemon
  private var file: String { daemon.folder.file("agent.yaml").path }

  init() throws { daemon = try RunningDaemon() }

  private func started() async throws -> Run {
    let run = try daemon.start()
    #expect(try await daemon.reach(run) { daemon.folder.exists("api.sock") })
    return run
  }

  @Test func aFaultNamesTheFile() async throws {
    let run = try await started()
    try daemon.folder.write("sources: [\n", as: "agent.yaml")
    try await daemon.command("reload").expectFailure(Status.invalidConfiguration, saying: "\(file): ")
    try daemon.folder.write("policy: \(daemon.folder.path)/none.yaml\n", as: "agent.yaml")
    try await daemon.command("reload").expectFailure(
      Status.invalidConfiguration, saying: "\(file): policy: \(daemon.folder.path)/none.yaml: cannot be read")
    unlink(file)
    try await daemon.command("reload").expectFailure(
      Status.invalidConfiguration, saying: "\(file): cannot be read: No such file")
    let told = try run.errorSoFar().split(separator: "\n").filter { $0.contains("configuration refused") }
    #expect(told.count == 3 && told.allSatisfy { $0.contains("reason=\"\(file): ") }, "\(told)")
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func settingsThatWaitForARestartAreTold() async throws {
    let run = try await started()
    let port = try freePorts(inARow: 1)
    let before = try daemon.folder.text(of: "agent.yaml")
    try daemon.folder.write(
      before.replacing("\(daemon.folder.path)/state", with: "\(daemon.folder.path)/other")
        .replacing("api.sock, ", with: "api.sock, metrics_address: \"127.0.0.1:\(port)\"")
        + "\nvalues: {socket: \(daemon.folder.path)/values.sock}\nlimits: {attempt: 3s}\n", as: "agent.yaml")
    for _ in 1...2 {
      let outcome = try await daemon.command("reload")
      #expect(outcome.status == Status.done, outcome.said)
      let warnings = outcome.errorLines.filter { $0.hasPrefix("warning: ") }
      #expect(warnings.count == 3 && outcome.errorLines.count == 3, outcome.said)
      for setting in ["api.metrics_address", "state_folder", "values"] {
        #expect(warnings.contains { $0.contains("\(setting): ") && $0.contains("restart") }, "\(setting): \(warnings)")
      }
    }
    let told = try run.errorSoFar().split(separator: "\n").filter { $0.contains("level=warning") }
    #expect(told.count == 6 && told.allSatisfy { $0.contains("restart") }, "\(told)")
    // As it was: nothing waits.
    try daemon.folder.write(before, as: "agent.yaml")
    let back = try await daemon.command("reload")
    #expect(back.status == Status.done && back.errorText.isEmpty, back.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aDaemonThatHangsIsNoDaemonThatIsNotThere() async throws {
    let absent = try await daemon.command("status")
    absent.expectFailure(Status.unavailable, saying: "api.sock: no daemon answers: No such file", "start one")
    #expect(!absent.errorText.contains("localhost"), absent.said)
    let run = try await started()
    run.send(SIGSTOP)
    let silent = try await daemon.command("status")
    silent.expectFailure(Status.unavailable, saying: "api.sock: the daemon gives no answer within 10 s", "restart it")
    #expect(!silent.errorText.contains("localhost"), silent.said)
    run.send(SIGCONT)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }
}
