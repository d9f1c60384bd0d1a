import HTTPTransport
import TestSupport
import Testing

@testable import AgentDaemon

/// How the source shows who it is.
@Suite(.timeLimit(.minutes(15))) struct OrchestratorCredentialTests {
  @Test func theTokenFileIsReadAnewAtEachPoll() async throws {
    let scene = try OrchestratorScene(token: "first\n") { _, _ in OrchestratorScene.page("[]") }
    #expect(await scene.poll()?.failure == nil)
    await scene.time.sleepers(1)
    try scene.write("second", as: "token")
    #expect(await scene.poll()?.failure == nil)
    #expect(scene.transport.requests.map { $0.header("Authorization") } == ["Bearer first", "Bearer second"])
  }

  @Test(arguments: ["", "\n", "two words", "two\nlines", "caf\u{e9}", "\u{1}"])
  func whatIsNoTokenIsNotSent(_ token: String) async throws {
    let scene = try OrchestratorScene(token: token) { _, _ in OrchestratorScene.page("[]") }
    #expect(await scene.poll()?.failure?.contains("/token") == true)
    #expect(scene.transport.requests.isEmpty)
  }

  @Test func withoutACredentialNoneIsSent() async throws {
    let scene = try OrchestratorScene { _, _ in OrchestratorScene.page("[]") }
    #expect(await scene.poll()?.failure == nil)
    #expect(scene.transport.requests.first?.header("Authorization") == nil)
  }

  // MARK: - API key

  private static func isLogin(_ request: HTTPRequest) -> Bool { request.url.host == "login.test" }

  @Test func anAPIKeyIsExchangedForATokenThatIsUsedUntilAMinuteBeforeItsEnd() async throws {
    let scene = try OrchestratorScene(apiKey: "key\n") { request, number in
      Self.isLogin(request)
        ? OrchestratorScene.reply(#"{"access_token": "t\#(number)", "expires_in": 600}"#) : OrchestratorScene.page("[]")
    }
    #expect(await scene.poll()?.failure == nil)
    _ = await scene.poll(after: .seconds(509))
    _ = await scene.poll(after: .seconds(34))
    let requests = scene.transport.requests
    #expect(requests.map(\.method) == [.post, .get, .get, .post, .get])
    #expect(
      requests.map { $0.header("Authorization") }
        == ["Bearer key", "Bearer t0", "Bearer t0", "Bearer key", "Bearer t3"])
    #expect(requests.allSatisfy { $0.header("Accept") == "application/json" })
  }

  @Test func aTokenWithoutASpanIsUsedForAnHour() async throws {
    let scene = try OrchestratorScene(apiKey: "key") { request, _ in
      Self.isLogin(request) ? OrchestratorScene.reply(#"{"access_token": "t"}"#) : OrchestratorScene.page("[]")
    }
    _ = await scene.poll()
    _ = await scene.poll(after: .seconds(3507))
    #expect(scene.transport.requests.filter(Self.isLogin).count == 1)
    _ = await scene.poll(after: .seconds(34))
    #expect(scene.transport.requests.filter(Self.isLogin).count == 2)
  }

  @Test func aRefusedTokenIsExchangedOnceMore() async throws {
    let scene = try OrchestratorScene(apiKey: "key") { request, number in
      if Self.isLogin(request) {
        return OrchestratorScene.reply(#"{"access_token": "t\#(number)"}"#)
      }
      return request.header("Authorization") == "Bearer t0"
        ? OrchestratorScene.reply("", status: 401) : OrchestratorScene.list("a")
    }
    let report = await scene.poll()
    #expect(report?.failure == nil && report?.listed["a"] != nil)
    #expect(scene.transport.requests.map(\.method) == [.post, .get, .post, .get])
  }

  @Test func aTokenThatIsAlwaysRefusedIsAFailureAndNoLoop() async throws {
    let scene = try OrchestratorScene(apiKey: "key") { request, _ in
      Self.isLogin(request)
        ? OrchestratorScene.reply(#"{"access_token": "t"}"#) : OrchestratorScene.reply("", status: 401)
    }
    #expect(await scene.poll()?.failure?.contains("status 401") == true)
    #expect(scene.transport.requests.count == 4)
  }

  @Test(arguments: [
    "", "<html>", "{}", "[]", #"{"access_token": null}"#, #"{"access_token": ""}"#, #"{"access_token": 7}"#,
    #"{"access_token": "a\r\nX-Evil: 1"}"#, #"{"access_token": "a b"}"#,
  ])
  func anAnswerWithoutAUsableTokenIsAFailure(_ body: String) async throws {
    let scene = try OrchestratorScene(apiKey: "key") { _, _ in OrchestratorScene.reply(body) }
    #expect(await scene.poll()?.failure?.contains("login.test") == true)
    #expect(scene.transport.requests.allSatisfy(Self.isLogin))
  }

  @Test(arguments: ["-5", "0", "9223372036854775807", "1e300", #""600""#])
  func aStrangeSpanDoesNoHarm(_ span: String) async throws {
    let scene = try OrchestratorScene(apiKey: "key") { request, _ in
      Self.isLogin(request)
        ? OrchestratorScene.reply(#"{"access_token": "t", "expires_in": \#(span)}"#) : OrchestratorScene.page("[]")
    }
    #expect(await scene.poll()?.failure == nil)
    #expect(await scene.poll()?.failure == nil)
  }

  @Test func theLoginsRetryAfterIsHonoured() async throws {
    let scene = try OrchestratorScene(apiKey: "key") { _, _ in
      OrchestratorScene.reply("", status: 429, headers: [("Retry-After", "900")])
    }
    #expect(await scene.poll()?.failure?.contains("status 429") == true)
    #expect(await scene.pause() == .seconds(900))
  }

  @Test func noFailureTellsACredential() async throws {
    for answer in [OrchestratorScene.reply("hunter2 hunter2", status: 401), OrchestratorScene.unreachable] {
      let byToken = try OrchestratorScene(token: "hunter2") { _, _ in answer }
      #expect(await byToken.poll()?.failure?.contains("hunter2") == false)
      let byKey = try OrchestratorScene(apiKey: "hunter2") { _, _ in answer }
      #expect(await byKey.poll()?.failure?.contains("hunter2") == false)
    }
  }
}
