import Testing

extension OpenBaoTests {
  /// What `check` and `explain` say, and which calls they make.
  @Suite struct CheckAndExplain {
    private let bao: OpenBaoServer
    private let agent: SecretsAgent
    private let mount: String
    private let role: AppRole
    private let document: JobDocument
    private let file: String

    init() async throws {
      bao = try await OpenBaoServer.shared()
      agent = try SecretsAgent()
      mount = try await bao.makeKV2([
        ("db", ["user": "never-shown-1", "password": "never-shown-2"]),
        ("db", ["user": "never-shown-3", "password": "never-shown-4"]), ("api", ["key": "never-shown-5"]),
      ])
      role = try await bao.makeAppRole(reading: ["\(mount)/*"])
      document = JobDocument(
        bao.address, auth: role.auth,
        secrets: [
          "DB_USER": kv2(mount, "db", "user"), "DB_PASSWORD": kv2(mount, "db", "password"),
          "API_KEY": kv2(mount, "api", "key"),
        ])
      file = try agent.file(document)
    }

    private func reads() throws -> [String] { try bao.requests(to: "\(mount)/data/").filter { $0.hasPrefix("read ") } }

    @Test func checkTouchesNoNetwork() async throws {
      let outcome = try await agent.run("check", file)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      #expect(try bao.requests(to: role.loginPath).isEmpty)
      #expect(try reads().isEmpty)
    }

    @Test func checkAuthLogsInOnly() async throws {
      let outcome = try await agent.run("check", file, "--auth")
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      #expect(try bao.requests(to: role.loginPath).count == 1)
      #expect(try reads().isEmpty)
      #expect(try await bao.livingTokens(madeBy: role.loginPath) == 0)
    }

    @Test func checkAuthSaysThatALoginFails() async throws {
      var document = document
      document.provider = document.provider.with([("auth", role.auth.with([("secret_id", "wrong")]))])
      let outcome = try await agent.run("check", try agent.file(document), "--auth")
      #expect(outcome.status == Status.denied)
      #expect(outcome.hasErrorLine(with: ["vault", "400"]), Comment(rawValue: outcome.errorText))
    }

    @Test func checkAuthSaysThatAGivenTokenIsNotGood() async throws {
      var document = document
      document.provider = document.provider.with([("auth", ["method": "static", "token": "not-a-token"])])
      let outcome = try await agent.run("check", try agent.file(document), "--auth")
      #expect(outcome.status == Status.denied)
      #expect(outcome.hasErrorLine(with: ["vault", "403"]), Comment(rawValue: outcome.errorText))
    }

    @Test func checkOnlineReportsVersionsAndNoValues() async throws {
      let outcome = try await agent.run("check", file, "--online")
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      #expect(try reads().count == 2)
      let lines = outcome.outputText.split(separator: "\n")
      for (name, version) in [("DB_USER", "2"), ("DB_PASSWORD", "2"), ("API_KEY", "1")] {
        #expect(lines.contains { $0.contains(name) && $0.contains(version) }, Comment(rawValue: outcome.outputText))
      }
      #expect(!(outcome.outputText + outcome.errorText).contains("never-shown"))
    }

    @Test func checkOnlineReportsEachSecretThatFails() async throws {
      var document = document
      document.secrets += [("GONE", kv2(mount, "gone", "word")), ("NO_FIELD", kv2(mount, "api", "nothing"))]
      let outcome = try await agent.run("check", try agent.file(document), "--online")
      #expect(outcome.status == Status.unavailable)
      #expect(outcome.hasErrorLine(with: ["GONE", "404"]), Comment(rawValue: outcome.errorText))
      #expect(outcome.hasErrorLine(with: ["NO_FIELD", "nothing"]), Comment(rawValue: outcome.errorText))
      #expect(!(outcome.outputText + outcome.errorText).contains("never-shown"))
    }

    @Test func explainTellsThePlanWithoutACall() async throws {
      let outcome = try await agent.run("explain", file)
      #expect(outcome.status == Status.done, Comment(rawValue: outcome.errorText))
      for word in [bao.address, "approle", "DB_USER", "DB_PASSWORD", "API_KEY", "db", "api"] {
        #expect(outcome.outputText.contains(word), Comment(rawValue: outcome.outputText))
      }
      #expect(!outcome.outputText.contains(role.secretID))
      #expect(try bao.requests(to: role.loginPath).isEmpty)
      #expect(try reads().isEmpty)
    }
  }
}
