import TestSupport
import Testing

extension OpenBaoTests {
  /// How many calls a document costs, counted in the server's audit log.
  @Suite struct Calls {
    private let bao: OpenBaoServer

    init() async throws { bao = try await OpenBaoServer.shared() }

    @Test func aHundredSecretsTakeOneLogin() async throws {
      let names = (1...100).map { "S\($0)" }
      let mount = try await bao.makeKV2(names.map { ($0, ["word": .string("value of \($0)")]) })
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/*"])
      var document = JobDocument(bao.address, auth: role.auth, secrets: [:])
      document.secrets = names.map { ($0, kv2(mount, $0, "word")) }
      try await SecretsAgent().expect(
        document, gives: Dictionary(uniqueKeysWithValues: names.map { ($0, "value of \($0)") }))
      #expect(try bao.requests(to: role.loginPath).count == 1)
      let reads = try bao.requests(to: "\(mount)/data/").filter { $0.hasPrefix("read ") }
      #expect(reads.count == 100)
      #expect(Set(reads).count == 100)
    }

    @Test func aHundredEntriesOverTenPathsTakeTenFetches() async throws {
      let fields = (0..<10).map { "f\($0)" }
      let secret = JSON(Dictionary(uniqueKeysWithValues: fields.map { ($0, "value of \($0)") }))
      let mount = try await bao.makeKV2((0..<10).map { ("p\($0)", secret) })
      let role = try await bao.makeAppRole(reading: ["\(mount)/data/*"])
      var document = JobDocument(bao.address, auth: role.auth, secrets: [:])
      var expected: [String: String] = [:]
      for path in 0..<10 {
        for field in fields {
          document.secrets.append(("P\(path)_\(field)", kv2(mount, "p\(path)", field)))
          expected["P\(path)_\(field)"] = "value of \(field)"
        }
      }
      try await SecretsAgent().expect(document, gives: expected)
      #expect(try bao.requests(to: "\(mount)/data/").filter { $0.hasPrefix("read ") }.count == 10)
    }
  }
}
