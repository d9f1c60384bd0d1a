import HTTPTransport
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon

/// Orchestrators that are unreachable, slow, unauthorised or lying: nothing leaves, whatever they say and however often.
@Suite(.timeLimit(.minutes(15))) struct OrchestratorFaultTests {
  static let lies: [String] = [
    "", "<html><body>Sign in</body></html>", "null", "[]", #""items""#, #"{"items": {}}"#, #"{"items": "none"}"#,
    #"{"items": 0}"#, #"{"error": "not found"}"#, #"{"items": []"#, #"{"items": [], "next_token": 3}"#,
    #"{"items": [], "items": []}"#, #"{"items": []} {"items": []}"#, "\u{feff}{\"items\": []}",
    String(repeating: "[", count: 100_000), #"{"items": \#(String(repeating: "[", count: 100))"#,
  ]

  private func expectNothingLeaves(_ answer: OrchestratorScene.Reply, _ reason: String? = nil) async throws {
    let scene = try OrchestratorScene { _, number in number == 0 ? OrchestratorScene.list("a") : answer }
    _ = await scene.poll()
    for _ in 0..<3 {
      let report = try #require(await scene.poll())
      #expect(report.failure != nil && report.left.isEmpty && report.listed["a"] != nil)
      if let reason {
        #expect(report.failure?.contains(reason) == true)
      }
    }
  }

  @Test(arguments: lies) func aLieIsAFailure(_ body: String) async throws {
    try await expectNothingLeaves(OrchestratorScene.reply(body))
  }

  @Test func bytesThatAreNotUTF8AreAFailure() async throws {
    let body = SecretBytes([0x7b, 0x22, 0xff, 0x22, 0x7d])
    try await expectNothingLeaves(
      .success(HTTPResponse(status: 200, headers: HTTPFields([]), body: body)))
  }

  @Test(arguments: [201, 204, 206, 301, 302, 307, 304, 400, 401, 403, 404, 410, 429, 500, 502, 503])
  func anyStatusBut200IsAFailure(_ status: Int) async throws {
    try await expectNothingLeaves(
      OrchestratorScene.reply(#"{"items": []}"#, status: status, headers: [("Location", "https://other.test/")]),
      "status \(status)")
  }

  @Test func noRedirectIsFollowed() async throws {
    let scene = try OrchestratorScene { _, _ in
      OrchestratorScene.reply("", status: 302, headers: [("Location", "https://other.test/")])
    }
    _ = await scene.poll()
    _ = await scene.poll()
    #expect(scene.transport.requests.allSatisfy { $0.url.host == "orchestrator.test" })
  }

  @Test(arguments: [
    TransportFailure.Kind.nameResolution, .connect, .tls(.untrusted), .timedOut(.waiting), .interrupted,
    .tooLarge(limit: 1), .malformed, .addressRefused,
  ])
  func noAnswerIsAFailure(_ kind: TransportFailure.Kind) async throws {
    try await expectNothingLeaves(
      .failure(TransportFailure(kind: kind, host: "orchestrator.test:443", detail: "")), "orchestrator.test")
  }

  @Test func halfAPageSequenceIsAFailure() async throws {
    let scene = try OrchestratorScene { request, number in
      if number == 0 {
        return OrchestratorScene.list("a")
      }
      return request.url.query?.contains("next_token") == true
        ? OrchestratorScene.unreachable : OrchestratorScene.page("[\(FolderScene.execution("b"))]", next: "more")
    }
    _ = await scene.poll()
    for _ in 0..<3 {
      let report = try #require(await scene.poll())
      #expect(report.failure != nil && report.left.isEmpty && Set(report.listed.keys) == ["a"])
    }
  }

  @Test func oneOfSeveralAddressesThatFailsMakesNothingLeave() async throws {
    let urls = ["https://one.test/executions", "https://two.test/executions"]
    let scene = try OrchestratorScene(urls: urls) { request, number in
      switch (request.url.host, number) {
      case ("one.test", 0): OrchestratorScene.list("a")
      case ("one.test", _): OrchestratorScene.page("[]")
      case (_, 1): OrchestratorScene.list("b")
      default: OrchestratorScene.unreachable
      }
    }
    #expect(await scene.poll()?.listed.count == 2)
    for _ in 0..<3 {
      let report = try #require(await scene.poll())
      #expect(report.failure != nil && report.left.isEmpty && report.listed.count == 2)
    }
  }

  @Test func aSlowListIsGivenUp() async throws {
    let time = ManualTime()
    let transport = ScriptedTransport { _, number in
      time.advance(by: .seconds(29))
      return OrchestratorScene.page("[]", next: "p\(number)")
    }
    let client = OrchestratorClient(
      OrchestratorConfiguration(
        urls: ["https://one.test/"], jobURL: "https://one.test/api/v1/jobs/{job_id}", nodeID: "n1"),
      transport: transport, time: time)
    await #expect(throws: OrchestratorFault.self) { _ = try await client.list() }
    #expect(transport.requests.count == 11)
    #expect(transport.requests.allSatisfy { $0.timeout == .seconds(30) })
  }

  @Test func whatWasUnreadableStaysSoWhileItCannotBeAsked() async throws {
    let scene = try OrchestratorScene { _, number in
      number == 0
        ? OrchestratorScene.page(#"[{"id": "a", "node_id": "n1", "job_spec": 3}]"#) : OrchestratorScene.unreachable
    }
    let first = await scene.poll()
    #expect(first?.unreadable["a"] != nil)
    #expect(await scene.poll()?.unreadable == first?.unreadable)
  }

  // MARK: - Pauses

  @Test(arguments: [(0.0, 27.0), (0.5, 30.0), (1.0, 33.0)])
  func thePollIntervalIsSpreadByATenth(_ random: Double, _ seconds: Double) async throws {
    let scene = try OrchestratorScene(random: random) { _, _ in OrchestratorScene.page("[]") }
    _ = await scene.poll()
    let pause = try #require(await scene.pause())
    #expect(abs(pause / .seconds(1) - seconds) < 0.001)
  }

  @Test func failuresMakeThePausesLongerUpToTenIntervals() async throws {
    let scene = try OrchestratorScene(random: 1) { _, number in
      number < 8 ? OrchestratorScene.unreachable : OrchestratorScene.page("[]")
    }
    var pauses: [Double] = []
    for _ in 0..<9 {
      _ = await scene.poll()
      pauses.append(try #require(await scene.pause()) / .seconds(1))
    }
    #expect(pauses == [30, 60, 120, 240, 300, 300, 300, 300, 33])
  }

  @Test(arguments: [429, 503]) func retryAfterIsHonoured(_ status: Int) async throws {
    let scene = try OrchestratorScene { _, _ in
      OrchestratorScene.reply("", status: status, headers: [("Retry-After", "700")])
    }
    _ = await scene.poll()
    #expect(await scene.pause() == .seconds(700))
  }

  // MARK: - ETag

  @Test func anUnchangedListIsNotSentAgain() async throws {
    let scene = try OrchestratorScene { request, number in
      switch number {
      case 0: OrchestratorScene.list("a")
      case 1: OrchestratorScene.page("[\(FolderScene.execution("b"))]", headers: [("ETag", #"W/"1""#)])
      default: OrchestratorScene.reply("", status: 304)
      }
    }
    _ = await scene.poll()
    #expect(await scene.poll()?.left.isEmpty == true)
    // The same answer again: twice in a row without "a".
    let same = await scene.poll()
    #expect(same?.failure == nil && same?.left == ["a"] && same?.listed["b"] != nil)
    #expect(scene.transport.requests.map { $0.header("If-None-Match") } == [nil, nil, #"W/"1""#])
  }

  @Test func aTagIsKeptOverFailures() async throws {
    let scene = try OrchestratorScene { _, number in
      switch number {
      case 0: OrchestratorScene.page("[\(FolderScene.execution("a"))]", headers: [("etag", #""1""#)])
      case 1: OrchestratorScene.unreachable
      default: OrchestratorScene.reply("", status: 304)
      }
    }
    _ = await scene.poll()
    _ = await scene.poll()
    let report = await scene.poll()
    #expect(report?.failure == nil && report?.listed["a"] != nil)
  }

  @Test func aListOfSeveralPagesHasNoTag() async throws {
    let scene = try OrchestratorScene { request, _ in
      request.url.query?.contains("next_token") == true
        ? OrchestratorScene.page("[]", headers: [("ETag", #""2""#)])
        : OrchestratorScene.page("[]", next: "more", headers: [("ETag", #""1""#)])
    }
    _ = await scene.poll()
    _ = await scene.poll()
    #expect(scene.transport.requests.allSatisfy { $0.header("If-None-Match") == nil })
  }
}
