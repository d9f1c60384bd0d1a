import EventLoop
import ExecutionModel
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon

/// What a document's words may be in the node owner's commands.
@Suite struct ChangeNotifierTests {
  private func faults(
    _ command: [String], id: String, of event: ExecutionNotices.Event = .change
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
        event, [.command(command, timeLimit: .seconds(60))], execution, id, "/out/e", [])
    }
  }

  @Test func anIdIsNoOptionOfACommand() throws {
    #expect(
      try faults(["/bin/false", "{id}"], id: "--help") == [
        "the command was not run: its argument {id} is --help here and would be read as an option"
      ])
    #expect(try faults(["/bin/true", "{id}"], id: "e-1") == [])
    #expect(try faults(["/bin/true", "-v", "--of={id}"], id: "--help") == [], "the owner's own options stay")
  }

  @Test(arguments: [ExecutionNotices.Event.change, .stop])
  func aCommandIsToldOfWhat(_ event: ExecutionNotices.Event) throws {
    let check = ["/bin/sh", "-c", "test \"$SECRETS_AGENT_EVENT\" = \(event.rawValue)"]
    #expect(try faults(check, id: "e-1", of: event) == [])
    #expect(try faults(check, id: "e-1", of: event == .change ? .stop : .change).count == 1)
  }
}
