import Foundation
import Glibc
import TestSupport
import Testing

extension OpenBaoTests {
  /// Leases of a real server over restarts of the daemon, with the sealed cache on.
  ///
  /// OpenBao 2 panics where a lease of its KV 1 engine is renewed ("field path not in the schema"), so that here the token is adopted,
  /// and the lease read anew after three renewals without an answer; VaultHandoverTests hold that a lease which renews is kept.
  @Suite struct LeaseAdoption {
    private let bao: OpenBaoServer
    private let folder: ScratchFolder
    private let mount: String
    private let role: AppRole

    init() async throws {
      bao = try await .shared()
      folder = try ScratchFolder()
      mount = try await bao.makeEngine(version: 1, options: ["leased_passthrough": "true"])
      try await bao.root.write("\(mount)/db", ["username": "u-4711", "ttl": "30m"])
      role = try await bao.makeAppRole(reading: ["\(mount)/db"], settings: ["token_ttl": "20m"])
      try FileManager.default.createDirectory(atPath: folder.file("documents").path, withIntermediateDirectories: false)
      try folder.write(
        """
        node_id: test
        state_folder: \(folder.path)/state
        cache: {key_file: \(folder.path)/cache.key}
        sources: {folder: {path: \(folder.path)/documents}}
        outputs: {root: \(folder.path)/out}
        api: {socket: \(folder.path)/api.sock}
        """, as: "agent.yaml")
      let document = JobDocument(
        bao.address, auth: role.auth, secrets: ["USERNAME": kv1(mount, "db", "username")])
      try folder.write(document.jobSpec.text, as: "documents/web.json")
      _ = try await SecretsAgent().run("cache", "init", "--key-file", folder.file("cache.key").path)
    }

    private func start() throws -> Process {
      let daemon = Process()
      daemon.executableURL = URL(fileURLWithPath: SecretsAgent.executable)
      daemon.arguments = ["daemon", "--config", folder.file("agent.yaml").path]
      daemon.standardError = FileHandle(forWritingAtPath: "/dev/null")
      try daemon.run()
      return daemon
    }

    /// Until the value is there, live, and sealed.
    private func settled(_ daemon: Process) async throws {
      while true {
        #expect(daemon.isRunning)
        let agent = try SecretsAgent()
        let status = try await agent.run("status", "--socket", folder.file("api.sock").path)
        let kept = try await agent.run("cache", "verify", "--config", folder.file("agent.yaml").path)
        if status.outputText.contains("web  live"), kept.outputText.hasPrefix("1 execution ") {
          return
        }
        try await Task.sleep(for: .milliseconds(100))
      }
    }

    private var reads: Int { get throws { try bao.requests(to: "\(mount)/db").filter { $0.hasPrefix("read ") }.count } }
    private var logins: Int { get throws { try bao.requests(to: role.loginPath).count } }

    @Test(arguments: [SIGTERM, SIGKILL])
    func aRestartAdoptsTheLeaseAndItsToken(_ signal: Int32) async throws {
      let first = try start()
      defer { kill(first.processIdentifier, SIGKILL) }
      try await settled(first)
      #expect(try reads == 1 && logins == 1)
      for _ in 0..<2 {
        let pid = first.processIdentifier
        kill(pid, signal)
        first.waitUntilExit()
        let second = try start()
        try await settled(second)
        #expect(try folder.text(of: "out/web/USERNAME") == "u-4711")
        #expect(try logins == 1, "no token is made anew")
        #expect(try await bao.livingTokens(madeBy: role.loginPath) == 1)
        kill(second.processIdentifier, signal)
        second.waitUntilExit()
      }
      #expect(try await bao.hasLeases(beneath: "\(mount)/db"))
    }

    @Test func whereTheTokenIsGoneTheLeaseIsMadeAnew() async throws {
      let first = try start()
      defer { kill(first.processIdentifier, SIGKILL) }
      try await settled(first)
      kill(first.processIdentifier, SIGKILL)
      first.waitUntilExit()
      try await bao.revokeTokens(madeBy: role.loginPath)
      while try await bao.hasLeases(beneath: "\(mount)/db") {}
      let second = try start()
      defer { kill(second.processIdentifier, SIGKILL) }
      try await settled(second)
      #expect(try reads == 2 && logins == 2)
      #expect(try await bao.hasLeases(beneath: "\(mount)/db"))
    }

    @Test func whatEndsIsRevokedByWhoAdoptedIt() async throws {
      let first = try start()
      defer { kill(first.processIdentifier, SIGKILL) }
      try await settled(first)
      kill(first.processIdentifier, SIGTERM)
      first.waitUntilExit()
      let second = try start()
      defer { kill(second.processIdentifier, SIGKILL) }
      try await settled(second)
      try FileManager.default.removeItem(at: folder.file("documents/web.json"))
      // A lease or token that stays runs this into the time limit.
      while try await bao.hasLeases(beneath: "\(mount)/db") {}
      while try await bao.livingTokens(madeBy: role.loginPath) > 0 {}
      #expect(try logins == 1)
    }
  }
}

extension OpenBaoServer {
  /// As an operator does who takes tokens for lost.
  fileprivate func revokeTokens(madeBy loginPath: String) async throws {
    let accessors: [String] = try await root.call("LIST", "auth/token/accessors").data("keys")
    for accessor in accessors {
      let call = OpenBaoClient.Call(
        method: "POST", path: "auth/token/lookup-accessor", body: ["accessor": .string(accessor)])
      if let answer = try await root.send([call]).first, (try? answer.data("path", as: String.self)) == loginPath {
        try await root.write("auth/token/revoke-accessor", ["accessor": .string(accessor)])
      }
    }
  }
}
