import Foundation
import Glibc
import TestSupport
import Testing

extension OpenBaoTests {
  /// Leases of a real server's dynamic engine over restarts of the daemon: OpenBao makes and removes users of a RabbitMQ, of which only
  /// the management API is a double.
  @Suite struct DynamicLeases {
    private let bao: OpenBaoServer
    private let broker: RabbitMQDouble
    private let mount: String
    private let role: AppRole
    private let daemon: CachedDaemon

    init() async throws {
      bao = try await .shared()
      broker = try RabbitMQDouble()
      mount = uniqueName("rabbitmq-")
      try await bao.root.writeAll([
        ("sys/mounts/\(mount)", ["type": "rabbitmq"]),
        (
          "\(mount)/config/connection",
          [
            "connection_uri": .string(broker.address), "username": .string(RabbitMQDouble.administrator.name),
            "password": .string(RabbitMQDouble.administrator.password),
          ]
        ),
        ("\(mount)/config/lease", ["ttl": 1800, "max_ttl": 86400]),
        (
          "\(mount)/roles/web",
          ["vhosts": #"{"/": {"configure": "", "write": ".*", "read": ".*"}}"#, "tags": "monitoring"]
        ),
      ])
      role = try await bao.makeAppRole(reading: ["\(mount)/creds/web"], settings: ["token_ttl": "20m"])
      daemon = try await CachedDaemon(
        JobDocument(
          bao.address, auth: role.auth,
          secrets: [
            "QUEUE_USER": kv1(mount, "creds/web", "username"), "QUEUE_PASSWORD": kv1(mount, "creds/web", "password"),
          ]))
    }

    private var leases: [String] {
      get async throws {
        let call = OpenBaoClient.Call(method: "LIST", path: "sys/leases/lookup/\(mount)/creds/web")
        let answer = try await bao.root.send([call]).first
        return answer?.status == 200 ? try answer?.data("keys") ?? [] : []
      }
    }

    private var reads: Int { get throws { try bao.requests(to: "\(mount)/creds/web").count } }
    private var logins: Int { get throws { try bao.requests(to: role.loginPath).count } }

    private func end(_ process: Process, by signal: Int32 = SIGKILL) {
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
    }

    private func delivered() throws -> [String] {
      [try daemon.value("QUEUE_USER"), try daemon.value("QUEUE_PASSWORD")]
    }

    /// When the server last renewed the lease.
    private func lastRenewal(_ lease: String) async throws -> String? {
      let answer = try await bao.root.write(
        "sys/leases/lookup", ["lease_id": .string("\(mount)/creds/web/\(lease)")])
      return try? answer.data("last_renewal", as: String.self)
    }

    @Test(arguments: [SIGTERM, SIGKILL])
    func aRestartRenewsTheLeaseAndMakesNoUser(_ signal: Int32) async throws {
      var process = try daemon.start()
      defer { kill(process.processIdentifier, SIGKILL) }
      try await daemon.settled(process)
      let first = try delivered()
      let lease = try #require(try await leases.first)
      let accessors = try await bao.accessors(madeBy: role.loginPath)
      #expect(broker.created == [first[0]] && broker.admits(first[0], first[1]))
      #expect(try await lastRenewal(lease) == nil)
      for _ in 0..<2 {
        let before = try await lastRenewal(lease)
        end(process, by: signal)
        // As a power cut has it: the outputs were in memory.
        try FileManager.default.removeItem(at: daemon.folder.file("out"))
        process = try daemon.start()
        try await daemon.settled(process)
        #expect(try delivered() == first)
        #expect(try await lastRenewal(lease) != before, "by the same lease id")
      }
      #expect(try await leases == [lease])
      #expect(broker.created == [first[0]] && broker.living == [first[0]] && broker.faults.isEmpty)
      #expect(try reads == 1 && logins == 1)
      #expect(try await bao.accessors(madeBy: role.loginPath) == accessors)
    }

    /// A batch token is not renewed, has no accessor, and its leases are renewed all the same.
    @Test func aRestartGoesOnWithABatchToken() async throws {
      try await bao.root.write("auth/\(role.mount)/role/job", ["token_type": "batch"])
      var process = try daemon.start()
      defer { kill(process.processIdentifier, SIGKILL) }
      try await daemon.settled(process)
      let first = try delivered()
      let lease = try #require(try await leases.first)
      #expect(try await bao.accessors(madeBy: role.loginPath).isEmpty)
      end(process)
      process = try daemon.start()
      try await daemon.settled(process)
      #expect(try delivered() == first)
      #expect(try await lastRenewal(lease) != nil)
      #expect(broker.created == [first[0]] && broker.living == [first[0]] && broker.faults.isEmpty)
      #expect(try reads == 1 && logins == 1)
    }

    @Test func aLeaseThatWasRevokedMeanwhileIsMadeAnew() async throws {
      var process = try daemon.start()
      defer { kill(process.processIdentifier, SIGKILL) }
      try await daemon.settled(process)
      let first = try delivered()
      let lease = try #require(try await leases.first)
      let accessors = try await bao.accessors(madeBy: role.loginPath)
      end(process)
      try await bao.root.write("sys/leases/revoke", ["lease_id": .string("\(mount)/creds/web/\(lease)"), "sync": true])
      #expect(broker.living.isEmpty)
      process = try daemon.start()
      try await daemon.settled(process)
      let second = try delivered()
      #expect(broker.created == [first[0], second[0]] && broker.living == [second[0]])
      #expect(broker.admits(second[0], second[1]) && broker.faults.isEmpty)
      #expect(try await leases.count == 1)
      #expect(try logins == 1, "the token is good, and kept")
      #expect(try await bao.accessors(madeBy: role.loginPath) == accessors)
    }

    @Test func whereTheTokenIsGoneAUserIsMadeAnew() async throws {
      var process = try daemon.start()
      defer { kill(process.processIdentifier, SIGKILL) }
      try await daemon.settled(process)
      let first = try delivered()
      end(process)
      try await bao.revokeTokens(madeBy: role.loginPath)
      // The server revokes a token's leases in its own time.
      while !broker.living.isEmpty {
        try await Task.sleep(for: .milliseconds(50))
      }
      process = try daemon.start()
      try await daemon.settled(process)
      let second = try delivered()
      #expect(broker.created == [first[0], second[0]] && broker.living == [second[0]] && broker.faults.isEmpty)
      #expect(try logins == 2)
      #expect(try await bao.livingTokens(madeBy: role.loginPath) == 1)
    }

    @Test func whatEndsIsRevokedByWhoAdoptedIt() async throws {
      var process = try daemon.start()
      defer { kill(process.processIdentifier, SIGKILL) }
      try await daemon.settled(process)
      let first = try delivered()
      end(process)
      process = try daemon.start()
      try await daemon.settled(process)
      try FileManager.default.removeItem(at: daemon.folder.file("documents/web.json"))
      try await daemon.reach(process) { broker.deleted == [first[0]] }
      #expect(try await leases.isEmpty)
      try await daemon.reach(process) { try await bao.livingTokens(madeBy: role.loginPath) == 0 }
      #expect(broker.created == [first[0]] && broker.living.isEmpty && broker.faults.isEmpty)
      #expect(try logins == 1)
    }
  }
}
