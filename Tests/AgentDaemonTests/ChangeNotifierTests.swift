import EventLoop
import ExecutionModel
import Glibc
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon

/// What a document's words may be in the node owner's commands.
@Suite struct ChangeNotifierTests {
  private func faults(
    _ command: [String], id: String, of event: ExecutionNotices.Event = .change
  ) throws -> [String] {
    try faults(of: [.command(command, timeLimit: .seconds(60))], id: id, event)
  }

  private func faults(
    of notices: [AgentConfiguration.Notice], id: String, _ event: ExecutionNotices.Event = .change
  ) throws -> [String] {
    let document = """
      {"id": "\(id)", "job_spec": {"secret_providers": {"p": {"provider": "scripted", "store": "none"}},
       "secrets": {"A": {"from": "p", "key": "A"}}}}
      """
    let (execution, _) = try ProviderCatalog([ScriptedProvider.descriptor]).validate(
      ExecutionDocument(SecretBytes(document)).item(nil), in: ValidationContext())
    let loop = try EventLoop()
    return loop.run {
      await ChangeNotifier(loop: loop).send(
        event, notices, execution, id, "/out/e", [])
    }
  }

  @Test func anIdIsNoOptionOfACommand() throws {
    #expect(
      try faults(["/bin/false", "{id}"], id: "--help") == [
        "notices[0] (/bin/false): the command was not run: its argument {id} is --help here and would be read as an option"
      ])
    #expect(try faults(["/bin/true", "{id}"], id: "e-1") == [])
    #expect(try faults(["/bin/true", "-v", "--of={id}"], id: "--help") == [], "the owner's own options stay")
  }

  @Test func aFailureNamesItsNotice() throws {
    let failed = try faults(["/bin/sh", "-c", "echo no luck; exit 3"], id: "e-1")
    #expect(failed == ["notices[0] (/bin/sh): the command failed with status 3; it said: no luck"])
    let all = try faults(
      of: [
        .command(["/bin/true"], timeLimit: .seconds(60)), .unitReload("no-such@{id}.service"),
        .command(["/nonexistent/reload"], timeLimit: .seconds(60)), .signalPID(1, getpid()), .unitReload("{id} /x"),
      ], id: "e-1")
    let beginnings = [
      "notices[1] (no-such@e-1.service): the command ",
      "notices[2] (/nonexistent/reload): the command cannot be started",
      "notices[3]: process ", "notices[4] (e-1 /x): ",
    ]
    #expect(all.count == 4 && zip(all, beginnings).allSatisfy { $0.hasPrefix($1) }, "\(all)")
  }

  @Test(arguments: [ExecutionNotices.Event.change, .stop])
  func aCommandIsToldOfWhat(_ event: ExecutionNotices.Event) throws {
    let check = ["/bin/sh", "-c", "test \"$SECRETS_AGENT_EVENT\" = \(event.rawValue)"]
    #expect(try faults(check, id: "e-1", of: event) == [])
    #expect(try faults(check, id: "e-1", of: event == .change ? .stop : .change).count == 1)
  }
}
