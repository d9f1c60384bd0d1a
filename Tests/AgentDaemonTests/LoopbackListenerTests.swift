import AgentDaemon
import EventLoop
import Logging
import TestSupport
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The local server over TCP.
@Suite(.timeLimit(.minutes(15))) struct LoopbackListenerTests {
  @Test(arguments: [
    ("127.0.0.1", 200), ("127.0.0.1:80", 200), ("localhost", 200), ("LOCALHOST:9", 200), ("[::1]:1", 200),
    ("[::1]", 200),
    ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.evil", 403), ("10.0.0.1", 403), ("", 403),
    ("localhost:a", 403), ("[::1]x", 403), ("localhost:1:2", 403), ("[::2]", 403), ("127.1", 403),
  ])
  func overTCPTheHostMustBeLoopback(_ host: String, _ expected: Int) throws {
    let loop = try EventLoop()
    let answer = try loop.run { () async -> Result<String?, any Error> in
      let server = LocalServer(loop: loop, log: quiet)
      do {
        let port = Int(try freePorts(inARow: 1))
        try server.listen(tcp: "127.0.0.1", port: port) { _ in .text("nobody known") }
        let answer = try await onThread {
          let client = try RawClient(tcp: port)
          client.send("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
          return client.answer()
        }
        await server.close()
        return .success(answer)
      } catch {
        await server.close()
        return .failure(error)
      }
    }.get()
    #expect(status(answer) == expected)
    #expect((body(answer) == "nobody known\n") == (expected == 200))
  }

  @Test func onlyLoopbackAddressesAreBound() throws {
    let loop = try EventLoop()
    let server = LocalServer(loop: loop, log: quiet)
    let free = Int(try freePorts(inARow: 1))
    for (host, port) in [
      ("0.0.0.0", free), ("[::]", free), ("10.0.0.1", free), ("localhost", free), ("", free), ("127.0.0.1", -1),
      ("127.0.0.1", 65_536), ("[::ffff:127.0.0.1]", free), ("127.1.evil", free), ("[::1", free), ("127.0.0.1", 0),
    ] {
      #expect(throws: LocalServerFault.self) { try server.listen(tcp: host, port: port) { _ in .text("") } }
    }
    try server.listen(tcp: "127.0.0.1", port: free) { _ in .text("") }
    try server.listen(tcp: "[::1]", port: free) { _ in .text("") }
    #expect(throws: LocalServerFault.self) { try server.listen(tcp: "127.0.0.1", port: free) { _ in .text("") } }
    loop.run { await server.close() }
    #expect(throws: LocalServerFault.self) { try server.listen(tcp: "127.0.0.1", port: free) { _ in .text("") } }
  }
}
