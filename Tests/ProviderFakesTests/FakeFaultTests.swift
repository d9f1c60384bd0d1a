import Glibc
import HTTPTransport
import ProviderFakes
import SecretBytes
import Testing

/// Each kind of fault does what it says, and the recorder keeps what was asked.
@Suite struct FakeFaults {
  private func withFault(_ fault: Fault, _ body: @escaping @Sendable (FakeScene) async throws -> Void) throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.put("secret", "a", #"{"v": "a value"}"#)
      scene.fake.faults.add(fault, on: "GET /v1/secret/*")
      try await body(scene)
      // Other routes are as they were.
      #expect(try await scene.get("/v1/sys/health").status == 200)
    }
  }

  @Test(arguments: [400, 403, 500, 503]) func aStatus(status: Int) throws {
    try withFault(.status(status)) { (scene: FakeScene) async throws in
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == status && answer.error == "fault on demand")
    }
  }

  @Test func aStatusWithRetryAfter() throws {
    try withFault(.retryAfter(status: 429, seconds: 7)) { (scene: FakeScene) async throws in
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 429 && answer.headers.first("Retry-After") == "7")
    }
  }

  @Test func aDelayedAnswerIsTheRealOne() throws {
    try withFault(.delay(milliseconds: 50)) { (scene: FakeScene) async throws in
      let clock = ContinuousClock()
      let start = clock.now
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 200 && answer.text.contains("a value"))
      #expect(start.duration(to: clock.now) >= .milliseconds(50))
    }
  }

  @Test func aPageOfHTML() throws {
    try withFault(.html(502)) { (scene: FakeScene) async throws in
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 502 && answer.headers.first("Content-Type") == "text/html")
      #expect(answer.text.hasPrefix("<html>") && answer.json == nil)
    }
  }

  @Test func aHugeBody() throws {
    try withFault(.huge(3 * 1024 * 1024)) { (scene: FakeScene) async throws in
      #expect(try await scene.get("/v1/secret/data/a").text.utf8.count == 3 * 1024 * 1024)
    }
    try withFault(.huge(100 * 1024 * 1024)) { (scene: FakeScene) async throws in
      #expect(try await scene.failure("/v1/secret/data/a") == .tooLarge(limit: 4 * 1024 * 1024))
    }
  }

  @Test func aRedirect() throws {
    try withFault(.redirect("http://127.0.0.1:9/elsewhere")) { (scene: FakeScene) async throws in
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 307 && answer.headers.first("Location") == "http://127.0.0.1:9/elsewhere")
    }
  }

  @Test func jsonThatBreaksOff() throws {
    try withFault(.malformedJSON) { (scene: FakeScene) async throws in
      let answer = try await scene.get("/v1/secret/data/a")
      #expect(answer.status == 200 && answer.text.hasPrefix("{") && answer.json == nil)
    }
  }

  // MARK: - Below HTTP

  private static let request = "GET /v1/secret/data/a HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\r\n"

  @Test func aReset() throws {
    try withFault(.reset) { (scene: FakeScene) async throws in
      let connection = try RawConnection(port: scene.fake.server.port)
      try connection.send(Self.request)
      #expect(connection.readToEnd() == RawConnection.End(text: "", error: ECONNRESET))
      #expect(try await scene.failure("/v1/secret/data/a") == .interrupted)
    }
  }

  @Test func aTruncatedAnswer() throws {
    try withFault(.truncated) { (scene: FakeScene) async throws in
      let connection = try RawConnection(port: scene.fake.server.port)
      try connection.send(Self.request)
      let end = connection.readToEnd()
      let parts = end.text.split(separator: "\r\n\r\n", maxSplits: 1)
      let length = try #require(parts.first?.split(separator: "Content-Length: ").last.flatMap { Int($0) })
      #expect(end.error == 0 && end.text.hasPrefix("HTTP/1.1 200"))
      #expect((parts.last?.utf8.count ?? 0) == length / 2 && parts.last?.hasPrefix("{") == true)
      #expect(try await scene.failure("/v1/secret/data/a") == .interrupted)
    }
  }

  @Test func garbage() throws {
    try withFault(.garbage) { (scene: FakeScene) async throws in
      let connection = try RawConnection(port: scene.fake.server.port)
      try connection.send(Self.request)
      let end = connection.readToEnd()
      #expect(end.error == 0 && end.text.hasPrefix("\u{1}\u{2}\u{3}") && !end.text.contains("HTTP/1.1"))
      #expect(try await scene.failure("/v1/secret/data/a") == .malformed)
    }
  }

  @Test func aHangEndsOnlyWithTheServer() throws {
    try withFault(.hang) { (scene: FakeScene) async throws in
      let other = try await scene.fake.listening(tls: .none)
      let connection = try RawConnection(port: other.server.port)
      try connection.send(Self.request)
      while scene.fake.recorder.count("GET /v1/secret/*") == 0 {
        await Task.yield()
      }
      #expect(try await scene.get("/v1/sys/health").status == 200)
      #expect(connection.isSilent)
      await other.stop()
      #expect(connection.readToEnd().text == "")
    }
  }

  // MARK: - The table

  @Test func timesAndEveryBoundAFault() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      func statuses(_ count: Int) async throws -> [Int] {
        var statuses: [Int] = []
        for _ in 0..<count {
          statuses.append(try await scene.get("/v1/sys/health").status)
        }
        return statuses
      }
      scene.fake.faults.add(.status(500), on: "/v1/sys/*", times: 2)
      #expect(try await statuses(4) == [500, 500, 200, 200])
      scene.fake.faults.add(.status(501), on: "GET *", every: 3)
      #expect(try await statuses(6) == [200, 200, 501, 200, 200, 501])
      scene.fake.faults.add(.status(502), on: "POST *")
      scene.fake.faults.add(.status(503), on: "GET /v1/sys/healt")
      #expect(try await statuses(2) == [200, 200])
      scene.fake.faults.clear()
      #expect(try await statuses(3) == [200, 200, 200])
    }
  }

  @Test func theRecorderKeepsWhatWasAsked() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      _ = try await scene.get("/v1/secret/data/a%20b?version=1&x=%26", token: "t", namespace: "team")
      _ = try await scene.logIn("r", "s")
      let requests = scene.fake.recorder.requests
      #expect(requests.map(\.line) == ["GET /v1/secret/data/a b", "POST /v1/auth/approle/login"])
      #expect(requests.first?.query == ["version": "1", "x": "&"])
      #expect(requests.first?.headers["x-vault-token"] == "t")
      #expect(requests.first?.headers["x-vault-namespace"] == "team")
      #expect(requests.last?.body == #"{"role_id": "r", "secret_id": "s"}"#)
      #expect(requests.map(\.connection) == [1, 1] && scene.fake.server.connectionCount == 1)
      #expect(scene.fake.recorder.count("POST *") == 1)
      scene.fake.recorder.reset()
      #expect(scene.fake.recorder.requests.isEmpty)
    }
  }

  @Test func theAdministrationIsBesideTheRecord() throws {
    try FakeScene.run { (scene: FakeScene) async throws in
      scene.fake.addToken("t", grant: VaultFakeGrant(ttl: 60))
      func administer(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> FakeScene.Answer {
        try await scene.call(method, "/_fake/\(path)", token: nil, body: body)
      }
      #expect(try await administer(.post, "faults", #"{"fault": "status", "argument": 418, "times": 1}"#).status == 204)
      #expect(try await scene.get("/v1/sys/health").status == 418)
      #expect(try await scene.get("/v1/sys/health").status == 200)
      for body in ["", "{}", #"{"fault": "flood"}"#] {
        #expect(try await administer(.post, "faults", body).status == 400)
      }
      #expect(
        try await administer(.get, "requests").text == #"{"requests":["GET /v1/sys/health","GET /v1/sys/health"]}"#)
      #expect(try await administer(.delete, "requests").status == 204)
      #expect(scene.fake.recorder.requests.isEmpty)
      #expect(try await administer(.post, "vault/advance?seconds=61").status == 204)
      #expect(try await administer(.post, "vault/advance").status == 400)
      #expect(try await scene.get("/v1/auth/token/lookup-self", token: "t").status == 403)
      #expect(try await administer(.get, "nothing").status == 404)
    }
  }
}
