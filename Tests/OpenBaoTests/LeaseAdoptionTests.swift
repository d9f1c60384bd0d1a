import Foundation
import Glibc
import TestSupport
import Testing

extension OpenBaoTests {
  /// Leases of a real server over restarts of the daemon, with the sealed cache on.
  ///
  /// OpenBao 2 panics where a lease of its KV 1 engine is renewed ("field path not in the schema"), so that here the token is adopted,
  /// and the lease read anew after three renewals without an answer. DynamicLeases holds that one which renews is kept.
  @Suite struct LeaseAdoption {
    private let bao: OpenBaoServer
    private let mount: String
    private let role: AppRole
    private let daemon: CachedDaemon

    init() async throws {
      bao = try await .shared()
      mount = try await bao.makeEngine(version: 1, options: ["leased_passthrough": "true"])
      try await bao.root.write("\(mount)/db", ["username": "u-4711", "ttl": "30m"])
      role = try await bao.makeAppRole(reading: ["\(mount)/db"], settings: ["token_ttl": "20m"])
      daemon = try await CachedDaemon(
        JobDocument(bao.address, auth: role.auth, secrets: ["USERNAME": kv1(mount, "db", "username")]))
    }

    private var reads: Int { get throws { try bao.requests(to: "\(mount)/db").filter { $0.hasPrefix("read ") }.count } }
    private var logins: Int { get throws { try bao.requests(to: role.loginPath).count } }

    @Test(arguments: [SIGTERM, SIGKILL])
    func aRestartAdoptsTheLeaseAndItsToken(_ signal: Int32) async throws {
      let first = try daemon.start()
      defer { kill(first.processIdentifier, SIGKILL) }
      try await daemon.settled(first)
      #expect(try reads == 1 && logins == 1)
      for _ in 0..<2 {
        let pid = first.processIdentifier
        kill(pid, signal)
        first.waitUntilExit()
        let second = try daemon.start()
        try await daemon.settled(second)
        #expect(try daemon.value("USERNAME") == "u-4711")
        #expect(try logins == 1, "no token is made anew")
        #expect(try await bao.livingTokens(madeBy: role.loginPath) == 1)
        kill(second.processIdentifier, signal)
        second.waitUntilExit()
      }
      #expect(try await bao.hasLeases(beneath: "\(mount)/db"))
    }

    @Test func whereTheTokenIsGoneTheLeaseIsMadeAnew() async throws {
      let first = try daemon.start()
      defer { kill(first.processIdentifier, SIGKILL) }
      try await daemon.settled(first)
      kill(first.processIdentifier, SIGKILL)
      first.waitUntilExit()
      try await bao.revokeTokens(madeBy: role.loginPath)
      while try await bao.hasLeases(beneath: "\(mount)/db") {}
      let second = try daemon.start()
      defer { kill(second.processIdentifier, SIGKILL) }
      try await daemon.settled(second)
      #expect(try reads == 2 && logins == 2)
      #expect(try await bao.hasLeases(beneath: "\(mount)/db"))
    }

    @Test func whatEndsIsRevokedByWhoAdoptedIt() async throws {
      let first = try daemon.start()
      defer { kill(first.processIdentifier, SIGKILL) }
      try await daemon.settled(first)
      kill(first.processIdentifier, SIGTERM)
      first.waitUntilExit()
      let second = try daemon.start()
      defer { kill(second.processIdentifier, SIGKILL) }
      try await daemon.settled(second)
      try FileManager.default.removeItem(at: daemon.folder.file("documents/web.json"))
      // A lease or token that stays runs this into the time limit.
      while try await bao.hasLeases(beneath: "\(mount)/db") {}
      while try await bao.livingTokens(madeBy: role.loginPath) > 0 {}
      #expect(try logins == 1)
    }
  }
}
