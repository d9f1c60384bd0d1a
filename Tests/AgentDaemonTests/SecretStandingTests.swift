import EventLoop
import ExecutionModel
import Foundation
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon

/// How a secret and a document stand: all that operators see says the same.
@Suite struct SecretStandingTests {
  private func document(_ scene: SupervisorScene) async -> StatusDocument {
    let listings = await scene.supervisor.overview.sources
    return StatusDocument(
      version: "1", nodeID: "n", executions: await scene.supervisor.overview.status(), sources: listings.sources,
      unheard: listings.unheard, sourceFailures: listings.failures, unreadable: listings.unreadable, unremoved: [:],
      openBreakers: [], turns: TurnCounts())
  }

  private func metric(_ name: String, _ secret: String, _ status: StatusDocument) -> String? {
    let page = PrometheusText.render(status, [:], ProcessFigures()).unsafeString() ?? ""
    let line = page.split(separator: "\n").first {
      $0.hasPrefix("secrets_agent_\(name){execution=\"e\",secret=\"\(secret)\",")
    }
    return line?.split(separator: " ").last.map(String.init)
  }

  private func item(_ scene: SupervisorScene, _ secrets: String) throws -> ExecutionDocument.Item {
    try ExecutionDocument(
      SecretBytes(
        """
        {"id": "e", "job_spec": {"secret_providers": {"p": {"provider": "scripted", "store": "\(scene.store.name)"}},
         "secrets": {\(secrets)}}}
        """)
    ).item(nil)
  }

  // MARK: - Fetched, and not what the document asks for

  @Test func aFieldThatIsNotThereIsAFailingSecretEverywhere() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("k", #"{"there": "1"}"#)
    scene.store.fail("gone", .missing)
    let fields =
      #""GOOD": {"from": "p", "key": "k", "field": "there"}, "BAD": {"from": "p", "key": "k", "field": "not"}"#
    await scene.list(["e": try item(scene, fields + #", "GONE": {"from": "p", "key": "gone"}"#)])
    #expect(await scene.reach { await scene.status("e")?.state == .failing })
    let status = await document(scene)
    let secrets = status.executions.first?.secrets ?? []
    #expect(secrets.map(\.standing) == [.live, .failing, .failing])
    #expect(secrets.map(\.source) == [.live, .none, .none])
    #expect(secrets.map(\.isFresh) == [true, false, false])
    #expect(secrets[1].fault?.line == "provider p: k: no field not; there are: there")
    #expect(secrets[1].fault?.kind == "missing")
    for (name, values) in [
      "secret_live": ["1", "0", "0"], "secret_fresh": ["1", "0", "0"], "secret_consecutive_failures": ["0", "1", "1"],
    ] {
      #expect(["GOOD", "BAD", "GONE"].map { metric(name, $0, status) } == values, "\(name)")
    }
    // Each by itself, though both keep the same generation back.
    let problems = ProblemList(status).all
    #expect(problems.map(\.subject) == ["e/BAD", "e/GONE"])
    let page = StatusPage.render(status, at: 0).unsafeString() ?? ""
    #expect(page.contains("<b>1</b> live") && page.contains("<b>2</b> failing"))
    let json = status.json().unsafeString() ?? ""
    #expect(json.contains("no field not; there are: there") && json.contains(#""standing": "failing""#))

    scene.store.put("k", #"{"there": "1", "not": "2"}"#)
    scene.store.put("gone", "3")
    #expect(
      await scene.reach(within: .seconds(7200)) {
        await scene.status("e")?.secrets.map(\.standing) == [.live, .live, .live]
      })
  }

  @Test func aFieldThatLeavesKeepsItsLastValueInPlaceAndFails() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("k", #"{"f": "1"}"#)
    await scene.list(["e": try item(scene, #""A": {"from": "p", "key": "k", "field": "f", "refresh": "60s"}"#)])
    #expect(await scene.generation("e", is: 1))
    scene.store.put("k", #"{"other": "2"}"#)
    #expect(await scene.reach { await scene.status("e")?.state == .failing })
    let secret = try #require(await scene.status("e")?.secrets.first)
    #expect(secret.standing == .failing && secret.source == .stale && !secret.isFresh && secret.failures == 1)
    #expect(scene.file("e", "A") == "1")
  }

  // MARK: - Fetched, and not written

  @Test func whatCannotBeWrittenFailsForAllThatWaitForIt() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    scene.store.put("B", "1")
    _ = FileManager.default.createFile(atPath: scene.root + "/out", contents: nil)
    await scene.list(["e": try scene.item("e", ["A", "B"])])
    #expect(await scene.reach { await scene.status("e")?.state == .failing })
    let status = await document(scene)
    #expect(status.executions.first?.secrets.map(\.standing) == [.failing, .failing])
    #expect(status.executions.first?.secrets.map(\.fault?.kind) == ["output", "output"])
    #expect(["A", "B"].map { metric("secret_live", $0, status) } == ["0", "0"])
    let problems = ProblemList(status).all
    #expect(problems.count == 1 && problems.first?.subject == "2 secrets (e/A, e/B)", "\(problems)")
    #expect(problems.first?.text.contains("\(scene.root)/out") == true)
  }

  // MARK: - Documents

  @Test func aRefusedDocumentIsCountedAndTheLastGoodOneStaysReady() async throws {
    let scene = try await SupervisorScene()
    scene.store.put("A", "1")
    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await scene.generation("e", is: 1))
    #expect(await document(scene).refusedDocuments == ["test": 0])
    await scene.list(["e": try item(scene, #""A": {"from": "p", "feild": "x"}"#)])
    var status = await document(scene)
    #expect(status.refusedDocuments == ["test": 1] && status.executions.allSatisfy(\.isReady))
    #expect(await scene.supervisor.overview.readiness().unready.isEmpty)
    let page = PrometheusText.render(status, [:], ProcessFigures()).unsafeString() ?? ""
    #expect(page.contains("\nsecrets_agent_refused_documents{source=\"test\"} 1\n"))
    #expect(
      StatusPage.render(status, at: 0).unsafeString()?.contains("<b>1</b> newest document is not in force") == true)
    #expect(status.json().unsafeString()?.contains("\"refused_documents\": {\n    \"test\": 1\n  }") == true)

    // Unreadable now, which is the same document and one fault.
    await scene.list(["e": try scene.item("e", ["A"])], unreadable: ["e": "no JSON"])
    status = await document(scene)
    #expect(status.refusedDocuments == ["test": 1] && status.executions.allSatisfy(\.isReady))
    #expect(ProblemList(status).all.map(\.text) == ["unreadable: no JSON"])

    await scene.list(["e": try scene.item("e", ["A"])])
    #expect(await document(scene).refusedDocuments == ["test": 0])
  }

  @Test func aDocumentThatWasNeverReadableIsAnInvalidExecution() async throws {
    let scene = try await SupervisorScene()
    await scene.list([:], unreadable: ["x": "no JSON", "y": "no JSON"])
    let status = await document(scene)
    #expect(status.executions.map(\.id) == ["x", "y"])
    #expect(status.executions.allSatisfy { $0.state == .invalid && !$0.isReady })
    #expect(status.refusedDocuments == ["test": 2])
    let (unready, executions) = await scene.supervisor.overview.readiness()
    #expect(unready == ["x", "y"] && executions == 2)
    #expect(ProblemList(status).all.map(\.subject) == ["x", "y"])
    let page = PrometheusText.render(status, [:], ProcessFigures()).unsafeString() ?? ""
    #expect(page.contains("\nsecrets_agent_executions{state=\"invalid\"} 2\n"))
    #expect(page.contains("\nsecrets_agent_execution_ready{execution=\"x\"} 0\n"))
  }
}
