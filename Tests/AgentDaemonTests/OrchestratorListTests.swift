import ExecutionModel
import HTTPTransport
import TestSupport
import Testing

@testable import AgentDaemon

/// What the source makes of answers.
@Suite(.timeLimit(.minutes(15))) struct OrchestratorListTests {
  @Test func onlyThisNodesExecutionsAreListed() async throws {
    let scene = try OrchestratorScene { _, _ in
      OrchestratorScene.page(
        """
        [\(FolderScene.execution("a")), {"id": "b", "node_id": "n2", "job_spec": {}}, {"id": "c", "job_spec": {}},
         {"id": "d", "node_id": null, "job_spec": {}}, {"id": "e", "node_id": "n2", "job_spec": 3}]
        """)
    }
    let report = await scene.poll()
    #expect(report.map { Set($0.listed.keys) } == ["a"])
    #expect(report?.unreadable.isEmpty == true && report?.failure == nil)
  }

  @Test func addressesAreFilledInPercentEncoded() async throws {
    let scene = try OrchestratorScene(
      urls: [
        "https://one.test/api/v1/executions?node_ids={node_id}&states=running",
        "https://two.test/{namespace}/jobs/{job_id}/executions",
      ], namespace: "team a/b?", jobID: "ü&{node_id}"
    ) { _, _ in OrchestratorScene.page("null") }
    #expect(await scene.poll()?.failure == nil)
    let requests = scene.transport.requests
    #expect(
      requests.map(\.url.description) == [
        "https://one.test/api/v1/executions?node_ids=n1&states=running",
        "https://two.test/team%20a%2Fb%3F/jobs/%C3%BC%26%7Bnode_id%7D/executions",
      ])
    #expect(requests.allSatisfy { $0.header("Accept") == "application/json" && $0.method == .get })
    #expect(requests.allSatisfy { $0.maximumResponseBytes == 16 * 1024 * 1024 })
  }

  @Test func aPlaceholderWithoutItsValueIsAFailure() async throws {
    let scene = try OrchestratorScene(urls: ["https://one.test/{namespace}/executions"]) { _, _ in
      OrchestratorScene.page("null")
    }
    #expect(await scene.poll()?.failure?.contains("{namespace}") == true)
    #expect(scene.transport.requests.isEmpty)
  }

  @Test func pagesAreFollowed() async throws {
    let scene = try OrchestratorScene { request, _ in
      switch request.url.query {
      case "node_ids=n1": OrchestratorScene.page("[\(FolderScene.execution("a"))]", next: "p 2&")
      case "node_ids=n1&next_token=p%202%26": OrchestratorScene.page("null", next: "p3")
      default: OrchestratorScene.page("[\(FolderScene.execution("b"))]", next: "")
      }
    }
    #expect(await scene.poll().map { Set($0.listed.keys) } == ["a", "b"])
    #expect(scene.transport.requests.last?.url.query == "node_ids=n1&next_token=p3")
  }

  @Test func pagesThatDoNotEndAreAFailure() async throws {
    let repeating = try OrchestratorScene { _, _ in OrchestratorScene.page("[]", next: "again") }
    #expect(await repeating.poll()?.failure?.contains("next_token") == true)
    #expect(repeating.transport.requests.count == 2)
    let endless = try OrchestratorScene { _, number in OrchestratorScene.page("[]", next: "p\(number)") }
    #expect(await endless.poll()?.failure?.contains("do not end") == true)
    #expect(endless.transport.requests.count == 1000)
  }

  @Test func aListOfMoreThan64MebibytesIsAFailure() async throws {
    let padding = String(repeating: " ", count: 15 * 1024 * 1024)
    let scene = try OrchestratorScene { _, number in
      OrchestratorScene.reply(#"{"items": []\#(padding), "next_token": "p\#(number)"}"#)
    }
    #expect(await scene.poll()?.failure?.contains("64 MiB") == true)
    #expect(scene.transport.requests.count == 5)
  }

  // MARK: - Leaving

  @Test func anExecutionLeavesAfterTwoCompleteAnswersWithoutIt() async throws {
    let scene = try OrchestratorScene { _, number in
      number == 0 ? OrchestratorScene.list("a", "b") : OrchestratorScene.list("b")
    }
    #expect(await scene.poll()?.listed.count == 2)
    let once = await scene.poll()
    #expect(once?.left.isEmpty == true && once?.listed["a"] != nil)
    let twice = await scene.poll()
    #expect(twice?.left == ["a"] && twice.map { Set($0.listed.keys) } == ["b"])
    #expect(await scene.poll()?.left.isEmpty == true)
  }

  @Test func oneThatIsListedAgainStartsAnew() async throws {
    let scene = try OrchestratorScene { _, number in
      number % 2 == 0 ? OrchestratorScene.list("a") : OrchestratorScene.page("[]")
    }
    for _ in 0..<6 {
      let report = await scene.poll()
      #expect(report?.left.isEmpty == true && report?.listed["a"] != nil)
    }
  }

  @Test func oneThatMovedToAnotherNodeLeaves() async throws {
    let scene = try OrchestratorScene { _, number in
      number == 0
        ? OrchestratorScene.list("a") : OrchestratorScene.page(#"[{"id": "a", "node_id": "n2", "job_spec": {}}]"#)
    }
    _ = await scene.poll()
    #expect(await scene.poll()?.left.isEmpty == true)
    #expect(await scene.poll()?.left == ["a"])
  }

  @Test func failuresBetweenTwoAnswersDoNotCount() async throws {
    let scene = try OrchestratorScene { _, number in
      switch number {
      case 0: OrchestratorScene.list("a")
      case 2, 3, 4: OrchestratorScene.unreachable
      default: OrchestratorScene.page("[]")
      }
    }
    _ = await scene.poll()
    for _ in 1...4 {
      let report = await scene.poll()
      #expect(report?.left.isEmpty == true && report?.listed["a"] != nil)
    }
    #expect(await scene.poll()?.left == ["a"])
  }

  @Test func whatAnEarlierLifeKnewLeavesByTheSameRule() async throws {
    let scene = try OrchestratorScene(known: ["a", "b"]) { _, _ in OrchestratorScene.list("b") }
    #expect(await scene.poll()?.left.isEmpty == true)
    #expect(await scene.poll()?.left == ["a"])
  }

  @Test func aStoppedExecutionIsListed() async throws {
    let scene = try OrchestratorScene { _, _ in
      OrchestratorScene.page(
        #"[{"id": "a", "node_id": "n1", "job_spec": {}, "status": {"desired_state": {"state_type": "stopped"}}}]"#)
    }
    #expect(await scene.poll()?.listed["a"] != nil)
  }

  // MARK: - Malformed items

  @Test func oneMalformedExecutionDoesNotHideTheOthers() async throws {
    let scene = try OrchestratorScene { _, number in
      number == 0
        ? OrchestratorScene.list("a", "b")
        : OrchestratorScene.page(
          #"[{"id": "a", "node_id": "n1", "job_spec": "x"}, \#(FolderScene.execution("b", name: "new"))]"#)
    }
    let first = try #require(await scene.poll())
    for _ in 0..<3 {
      let report = try #require(await scene.poll())
      #expect(report.unreadable["a"]?.contains("job_spec") == true)
      #expect(report.left.isEmpty && report.failure == nil)
      #expect(try report.listed["a"]?.readsTheSame(as: #require(first.listed["a"])) == true)
      #expect(try report.listed["b"]?.readsTheSame(as: #require(first.listed["b"])) == false)
    }
  }

  @Test(arguments: [
    #"[{"id": 7, "node_id": "n1", "job_spec": {}}]"#, #"[{"node_id": "n1", "job_spec": {}}]"#,
    #"[{"id": "", "node_id": "n1", "job_spec": {}}]"#, #"[{"id": "a", "node_id": 7, "job_spec": {}}]"#,
    #"[{"id": "a", "node_id": ["n1"], "job_spec": {}}]"#, "[7]", "[null]", #"["a"]"#, "[[]]",
  ])
  func anItemThatMayBeAnyExecutionMakesNoneLeave(_ items: String) async throws {
    let scene = try OrchestratorScene { _, number in
      number == 0 ? OrchestratorScene.list("a") : OrchestratorScene.page(items)
    }
    _ = await scene.poll()
    for _ in 0..<3 {
      let report = try #require(await scene.poll())
      #expect(report.left.isEmpty && report.listed["a"] != nil && report.unreadable.count == 1)
    }
  }
}
