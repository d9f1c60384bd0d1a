import Foundation
import Glibc
import TestSupport
import Testing

/// The daemon as a unit of `Type=notify`, under a double that follows systemd 252's rules.
@Suite(.timeLimit(.minutes(15))) struct ServiceManagerTests {
  private let fakes: Fakes
  private let manager: ServiceManagerDouble

  init() throws {
    fakes = try Fakes()
    manager = try ServiceManagerDouble()
  }

  /// A daemon whose unit runs.
  private func unit() async throws -> (RunningDaemon, Run) {
    let daemon = try RunningDaemon(environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"])
    try daemon.drop(demo(fakes.address), as: "web")
    let run = try daemon.start()
    manager.started(run.pid)
    #expect(try await daemon.reach(run) { manager.state == .running })
    return (daemon, run)
  }

  /// `ExecReload=` from its start to its end.
  private func reload(_ daemon: RunningDaemon) async throws -> Outcome {
    manager.beginsReload()
    let outcome = try await daemon.command("reload")
    // All of it is told by then: else the unit would be taken to reload on.
    #expect(manager.told == "READY")
    manager.endsReload()
    return outcome
  }

  @Test func theUnitRunsWhenTheFirstPassIsDone() async throws {
    let (daemon, run) = try await unit()
    #expect(daemon.generation(of: "web") != nil)
    #expect(try await daemon.reach(run) { manager.status == "1 of 1 executions ready" })
    run.send(SIGTERM)
    #expect(try await run.outcome().status == Status.done)
    #expect(manager.history == [.start, .running, .stop])
    #expect(manager.dropped == [])
    // 252 knows all that was told.
    #expect(manager.unknown == [])
  }

  @Test func aReloadIsOverWhenItsCommandIs() async throws {
    let (daemon, run) = try await unit()
    let outcome = try await reload(daemon)
    #expect(outcome.status == Status.done && outcome.output.isEmpty && outcome.errorText.isEmpty, outcome.said)
    #expect(try run.errorSoFar().contains("message=\"configuration reloaded\""))
    #expect(manager.history == [.start, .running, .reload, .running])
    // What newer ones measure a reload by, 252 passes over.
    #expect(manager.unknown == ["MONOTONIC_USEC"])
    run.send(SIGTERM)
    _ = try await run.outcome()
    #expect(manager.state == .stop)
  }

  @Test func aRefusedReloadFailsItsCommandAndLeavesTheUnitRunning() async throws {
    let (daemon, run) = try await unit()
    try daemon.folder.write("sources: 5\nlimits: {attempt: x}\n", as: "agent.yaml")
    let outcome = try await reload(daemon)
    #expect(outcome.status == Status.invalidConfiguration, outcome.said)
    #expect(outcome.faults.count == 2, outcome.said)
    #expect(outcome.errorText.contains("limits.attempt: "), outcome.said)
    #expect(manager.state == .running)
    #expect(daemon.generation(of: "web") != nil)
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func aSignalReloadsByTheDaemonsOwnWord() async throws {
    let (daemon, run) = try await unit()
    run.send(SIGHUP)
    #expect(try await daemon.reach(run) { manager.history == [.start, .running, .reload, .running] })
    run.send(SIGTERM)
    _ = try await run.outcome()
    #expect(manager.dropped == [])
  }

  @Test func reloadsAtTheSameTimeFollowEachOther() async throws {
    let (daemon, run) = try await unit()
    run.send(SIGHUP)
    async let first = daemon.command("reload")
    async let second = daemon.command("reload")
    let statuses = try await [first.status, second.status]
    #expect(statuses == [0, 0])
    #expect(try await daemon.reach(run) { manager.history.count == 8 })
    #expect(manager.history == [.start, .running, .reload, .running, .reload, .running, .reload, .running])
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func signsOfLifeGoOnOverReloads() async throws {
    let (daemon, run) = try await unit()
    #expect(try await daemon.reach(run) { manager.keepalives > 1 })
    _ = try await reload(daemon)
    let before = manager.keepalives
    #expect(try await daemon.reach(run) { manager.keepalives > before + 1 })
    run.send(SIGTERM)
    _ = try await run.outcome()
  }

  @Test func whoMayOnlyLookReloadsNothing() async throws {
    let (daemon, run) = try await unit()
    let answer = try await daemon.shell(
      "curl --disable --silent --noproxy '*' --unix-socket \(daemon.folder.path)/api.sock http://localhost/v1/reload "
        + "-w '%{http_code}'")
    #expect(answer.outputText.hasSuffix("405"), answer.said)
    run.send(SIGTERM)
    _ = try await run.outcome()
    let late = try await daemon.command("reload")
    #expect(late.status == Status.unavailable, late.said)
  }
}
