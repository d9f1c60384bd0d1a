import Foundation
import TestSupport
import Testing

extension OpenBaoTests {
  /// `init vault`: a document from the names of a path's fields, against a real server.
  @Suite struct InitVault {
    private let bao: OpenBaoServer

    init() async throws { bao = try await OpenBaoServer.shared() }

    private func agent(_ environment: [String: String] = [:], token: String? = nil) throws -> SecretsAgent {
      try SecretsAgent(
        ["VAULT_ADDR": bao.address, "VAULT_TOKEN": token ?? bao.root.token].merging(environment) { $1 })
    }

    /// Makes a document of `arguments`, which `check` takes and `resolve` reads: the values by name.
    private func values(_ agent: SecretsAgent, _ arguments: String...) async throws -> [String: String]? {
      let made = try await agent.start(["init", "vault"] + arguments).outcome()
      #expect(made.status == Status.done && made.errorText == "", Comment(rawValue: made.errorText))
      let file = try agent.folder.write(made.outputText, as: "job.yaml")
      let check = try await agent.run("check", "--strict", file)
      #expect(check.status == Status.done && check.errorText == "", Comment(rawValue: check.errorText))
      let resolved = try await agent.run("resolve", file, "--format", "json", "--output", "-")
      #expect(resolved.status == Status.done, Comment(rawValue: resolved.errorText))
      return flatStrings(resolved.output)
    }

    @Test func everyFieldOfAPathIsAnEntryAndNoValueIsShown() async throws {
      let mount = try await bao.makeKV2([("team/db", ["user": "never-shown-1", "pass-word": "never-shown-2"])])
      let agent = try agent()
      let made = try await agent.run("init", "vault", "\(mount)/team/db")
      #expect(!made.outputText.contains("never-shown"))
      #expect(!made.outputText.contains(bao.root.token))
      let values = try await values(agent, "\(mount)/team/db")
      #expect(values == ["DB_USER": "never-shown-1", "DB_PASS_WORD": "never-shown-2"])
    }

    @Test func theServerTellsTheEngine() async throws {
      let old = try await bao.makeEngine(version: 1)
      try await bao.root.write("\(old)/mail", ["smtp": "value-1"])
      let new = try await bao.makeKV2([("mail", ["smtp": "value-2"])])
      #expect(
        try await values(try agent(), "\(old)/mail", "/\(new)/mail/") == [
          "MAIL_SMTP": "value-1", "MAIL_SMTP_2": "value-2",
        ])
    }

    @Test func aMountThatIsGivenIsNotAskedFor() async throws {
      let mount = try await bao.makeKV2([("db", ["password": "value"])])
      // A token that may read the secret, and nothing of the server's own.
      let token = try await bao.makeToken(reading: ["\(mount)/data/db"])
      let agent = try agent(token: token)
      #expect(try await values(agent, "--mount", mount, "--prefix", "", "db") == ["PASSWORD": "value"])
    }

    @Test func aLeastPrivilegedTokenIsEnough() async throws {
      let mount = try await bao.makeKV2([("db", ["password": "value"])])
      let token = try await bao.makeToken(reading: ["\(mount)/data/db"])
      #expect(try await values(try agent(token: token), "\(mount)/db") == ["DB_PASSWORD": "value"])
    }

    @Test func namesThatCannotBeAreMadeFit() async throws {
      let fields: JSON = ["PRELOAD": "1", "ütf-8 \"field\": #1": "2", "a.b": "3", "yes": "4", "/x": "5", "-": "6"]
      let mount = try await bao.makeKV2([("ld", fields), ("2fa", ["code": "7"])])
      let values = try #require(try await values(try agent(), "\(mount)/ld", "\(mount)/2fa"))
      #expect(values["SECRET_LD_PRELOAD"] == "1")
      #expect(values["_2FA_CODE"] == "7")
      #expect(values.values.sorted() == ["1", "2", "3", "4", "5", "6", "7"])
    }

    @Test func theTokenFileOfALoginServesToo() async throws {
      let mount = try await bao.makeKV2([("db", ["password": "value"])])
      let agent = try agent(["VAULT_TOKEN": ""])
      try agent.folder.write(bao.root.token, as: ".vault-token")
      #expect(try await values(agent, "\(mount)/db") == ["DB_PASSWORD": "value"])
      let made = try await agent.run("init", "vault", "\(mount)/db")
      #expect(made.outputText.contains("token_file: \(agent.folder.path)/.vault-token"))
    }

    // MARK: - What goes wrong

    private func expect(
      _ agent: SecretsAgent, _ arguments: [String], failsWith status: Int32, saying words: String...,
      sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
      let outcome = try await agent.start(["init", "vault"] + arguments).outcome()
      #expect(outcome.status == status, Comment(rawValue: outcome.errorText), sourceLocation: sourceLocation)
      #expect(outcome.outputText == "", sourceLocation: sourceLocation)
      #expect(outcome.hasErrorLine(with: words), Comment(rawValue: outcome.errorText), sourceLocation: sourceLocation)
    }

    @Test func whatIsWrongIsToldAndNothingIsWritten() async throws {
      let mount = try await bao.makeKV2([("db", ["password": "value"])])
      let agent = try agent()
      try await expect(agent, ["\(mount)/nothing"], failsWith: Status.unavailable, saying: "no secret at this path")
      try await expect(agent, [mount], failsWith: Status.unavailable, saying: "the engine's mount")
      try await expect(
        agent, ["\(mount)/db", "no-such-mount/db"], failsWith: Status.denied, saying: "no-such-mount/db", "--mount")
      try await expect(
        try self.agent(token: "wrong"), ["\(mount)/db"], failsWith: Status.denied, saying: "permission denied")
      try await expect(
        try self.agent(["VAULT_ADDR": "http://vault.example.com"]), ["\(mount)/db"], failsWith: Status.denied,
        saying: "https")
      try await expect(
        try self.agent(["VAULT_ADDR": "not an address"]), ["\(mount)/db"], failsWith: Status.usage,
        saying: "VAULT_ADDR")
      try await expect(
        try self.agent(["VAULT_ADDR": ""]), ["\(mount)/db"], failsWith: Status.usage, saying: "VAULT_ADDR")
      try await expect(
        try self.agent(["VAULT_TOKEN": ""]), ["\(mount)/db"], failsWith: Status.usage, saying: "no token")
      try await expect(agent, ["--engine-version", "1", "x/db"], failsWith: Status.usage, saying: "--mount")
      try await expect(
        agent, ["--mount", mount, "--engine-version", "3", "db"], failsWith: Status.usage, saying: "1 or 2")
    }

    /// A read of such an engine makes a lease: names are not worth one.
    @Test func anEngineOfLeasesIsNotRead() async throws {
      let mount = uniqueName("pki-")
      try await bao.root.write("sys/mounts/\(mount)", ["type": "pki"])
      try await expect(
        try agent(), ["\(mount)/cert/ca"], failsWith: Status.unavailable, saying: "pki", "by hand")
      #expect(try bao.requests(to: "\(mount)/").isEmpty)
    }
  }
}
