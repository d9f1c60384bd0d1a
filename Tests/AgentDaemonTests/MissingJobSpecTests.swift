import ExecutionModel
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon

/// Executions as the API's own example has them: without their job spec.
@Suite struct MissingJobSpecTests {
  /// As in the example of the API's page.
  private func bare(
    _ id: String, desired: String = "run", observed: String = "running", revision: Int = 5
  ) throws -> ExecutionDocument.Item {
    let text = """
      {"id": "\(id)", "job_id": "job-abc123xyz", "job_type": "pipeline", "job_version": 2, "namespace": "production",
       "node_id": "node", "status": {"created_at": "2025-01-15T10:35:00Z",
         "desired_state": {"message": "", "state_type": "\(desired)"},
         "observed_state": {"message": "Pipeline processing logs", "state_type": "\(observed)"},
         "revision": \(revision), "updated_at": "2025-01-15T10:36:15Z"}}
      """
    return try ExecutionDocument(SecretBytes(text)).item(nil)
  }

  private func delivered(_ name: String = #function) async throws -> SupervisorScene {
    let scene = try await SupervisorScene(name)
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    return scene
  }

  @Test func aRunningExecutionThatComesWithoutItKeepsItsSecretsFresh() async throws {
    let scene = try await delivered()
    await scene.list(["e": try bare("e")])
    #expect(await scene.status("e")?.problems == [])
    #expect(scene.file("e", "A") == "1")
    scene.store.put("A", "2")
    #expect(await scene.reach { scene.file("e", "A") == "2" })
  }

  @Test(arguments: [("stopped", "running"), ("stopped", "stopping"), ("run", "completed"), ("running", "stopped")])
  func oneThatHasEndedIsCleanedUp(_ desired: String, _ observed: String) async throws {
    let scene = try await delivered("\(desired) \(observed)")
    await scene.list(["e": try bare("e", desired: desired, observed: observed)])
    #expect(!scene.exists("e"))
    #expect(scene.store.closed == [.ended])
    #expect(await scene.supervisor.overview.status().isEmpty)
  }

  @Test(arguments: ["failed", "lost", "degraded", "starting", "stopping", "a state of a later version"])
  func oneThatMayComeBackKeepsItsOutputs(_ observed: String) async throws {
    let scene = try await delivered(observed)
    await scene.list(["e": try bare("e", observed: observed)])
    #expect(scene.file("e", "A") == "1")
  }

  @Test func oneThatNobodyKnowsSaysWhatIsMissing() async throws {
    let scene = try await SupervisorScene()
    await scene.list(["e": try bare("e")])
    let status = try #require(await scene.status("e"))
    #expect(status.state == .pending)
    #expect(status.problems.first?.hasPrefix("job_spec: missing") == true)
    await scene.list(["e": try bare("e", desired: "stopped")])
    #expect(await scene.supervisor.overview.status().isEmpty)
  }

  @Test func oneThatEndedWhileTheDaemonWasAwayIsCleanedUpWithoutIt() async throws {
    let first = try await delivered()
    let second = try await SupervisorScene(in: first.root, store: first.store)
    #expect(second.exists("e"))
    await second.list(["e": try bare("e", observed: "completed")])
    #expect(!second.exists("e"))
  }

  @Test func timesRevisionsAndMessagesAreNoChange() async throws {
    let scene = try await delivered()
    let before = try bare("e").completed(by: try scene.item("e", ["A"]))
    await scene.list(["e": before])
    let fetches = scene.store.fetches.count
    for revision in 6..<20 {
      let later = try bare("e", observed: revision.isMultiple(of: 2) ? "running" : "degraded", revision: revision)
      await scene.list(["e": later])
    }
    await scene.pass(.seconds(2))
    #expect(scene.store.fetches.count == fetches)
    #expect(await scene.status("e")?.generation == 1)
  }
}
