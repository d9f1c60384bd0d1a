import HTTPTransport
import TestSupport
import Testing

@testable import AgentDaemon

/// Executions that come without their job spec: the job is asked for, each version of it once.
@Suite(.timeLimit(.minutes(15))) struct OrchestratorJobTests {
  private static func bare(_ id: String, job: String = "j 1/ü", version: Int = 2, desired: String = "running") -> String
  {
    """
    {"id": "\(id)", "job_id": "\(job)", "job_type": "pipeline", "job_version": \(version), "node_id": "n1",
     "status": {"desired_state": {"state_type": "\(desired)"}, "observed_state": {"state_type": "running"}}}
    """
  }

  private static let job =
    #"{"job": {"name": "web", "secret_providers": {"f": {"provider": "file"}}, "secrets": {"A": {"from": "f", "path": "/a"}}}}"#

  /// An orchestrator whose list is `items`, and whose answer for a job is `job`.
  private func scene(_ items: [String], job: OrchestratorScene.Reply) throws -> OrchestratorScene {
    try OrchestratorScene { request, _ in
      request.url.path.contains("/jobs/") ? job : OrchestratorScene.page("[\(items.joined(separator: ","))]")
    }
  }

  private func jobRequests(_ scene: OrchestratorScene) -> [String] {
    scene.transport.requests.map(\.url.description).filter { $0.contains("/jobs/") }
  }

  @Test func theJobIsAskedForOnceAVersion() async throws {
    let scene = try scene(
      [Self.bare("a"), Self.bare("b"), Self.bare("c", version: 3)], job: OrchestratorScene.reply(Self.job))
    for _ in 0..<3 {
      let report = await scene.poll()
      #expect(report?.listed.values.allSatisfy(\.hasJobSpec) == true)
      #expect(report?.listed.count == 3)
      #expect(report?.unreadable.isEmpty == true)
    }
    #expect(
      jobRequests(scene) == Array(repeating: "https://orchestrator.test/api/v1/jobs/j%201%2F%C3%BC", count: 2))
  }

  @Test func oneThatHasEndedNeedsNone() async throws {
    let scene = try scene([Self.bare("a", desired: "stopped")], job: OrchestratorScene.reply(Self.job))
    #expect(await scene.poll()?.listed["a"]?.hasJobSpec == false)
    #expect(jobRequests(scene).isEmpty)
  }

  @Test func oneThatCameWithItBeforeNeedsNone() async throws {
    let scene = try OrchestratorScene { _, number in
      number == 0 ? OrchestratorScene.list("a") : OrchestratorScene.page("[\(Self.bare("a"))]")
    }
    _ = await scene.poll()
    #expect(await scene.poll()?.listed["a"]?.hasJobSpec == true)
    #expect(jobRequests(scene).isEmpty)
  }

  @Test(arguments: [404, 403, 410])
  func aJobThatIsNotToBeHadSaysSo(_ status: Int) async throws {
    let scene = try scene([Self.bare("a")], job: OrchestratorScene.reply("", status: status))
    for _ in 0..<3 {
      let report = await scene.poll(after: .seconds(30))
      #expect(report?.unreadable["a"]?.contains("status \(status)") == true)
      #expect(report?.failure == nil)
    }
    #expect(jobRequests(scene).count == 1, "it is left alone for a while")
    _ = await scene.poll(after: .seconds(300))
    #expect(jobRequests(scene).count == 2)
  }

  @Test func aJobThatCannotBeAskedForNowIsAskedForAgain() async throws {
    let scene = try scene(
      [Self.bare("a", job: "one"), Self.bare("b", job: "two")], job: OrchestratorScene.unreachable)
    let report = await scene.poll()
    #expect(Set(report?.unreadable.keys.map { $0 } ?? []) == ["a", "b"])
    #expect(jobRequests(scene).count == 1, "the second would wait for the same")
    _ = await scene.poll()
    #expect(jobRequests(scene).count == 2)
  }

  @Test(arguments: [
    ("{}", "empty"), ("<html>", "malformed"), (#"{"job": {"id": "x"}}"#, "malformed"), ("[]", "malformed"),
    (#"{"job": {"name": "web", "version": 7, "secrets": {}}}"#, "at version 7, the execution is of version 2"),
  ])
  func anAnswerThatIsNotThatJobIsNotUsed(_ body: String, _ reason: String) async throws {
    let scene = try scene([Self.bare("a")], job: OrchestratorScene.reply(body))
    let report = await scene.poll()
    #expect(report?.listed["a"]?.hasJobSpec == false)
    #expect(report?.unreadable["a"]?.contains(reason) == true, "\(report?.unreadable ?? [:])")
  }

  @Test func aPageOfAThousandAndANextTokenAreOneList() async throws {
    let scene = try OrchestratorScene { request, _ in
      if request.url.path.contains("/jobs/") {
        return OrchestratorScene.reply(Self.job)
      }
      let isFirst = request.url.query?.contains("next_token") != true
      let numbers = isFirst ? 0..<1000 : 1000..<1500
      return OrchestratorScene.page(
        "[\(numbers.map { Self.bare("e\($0)") }.joined(separator: ","))]", next: isFirst ? "t" : "")
    }
    let report = await scene.poll()
    #expect(report?.listed.count == 1500)
    #expect(report?.listed.values.allSatisfy(\.hasJobSpec) == true)
    #expect(jobRequests(scene).count == 1)
  }
}
