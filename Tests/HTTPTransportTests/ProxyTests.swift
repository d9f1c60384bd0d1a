import EventLoop
import Glibc
import HTTPTransport
import Testing

/// Proxies come from the environment. A process of its own runs each test, since the environment is the process's.
@Suite(.timeLimit(.minutes(1)))
struct ProxyTests {
  /// Answers in the place of any server; a CONNECT it refuses.
  private static func proxy() throws -> RawServer {
    try RawServer { connection in
      while let request = connection.readRequest() {
        connection.send(
          request.hasPrefix("CONNECT ") ? answer("no", status: "403 Forbidden") : answer("by proxy"))
      }
    }
  }

  private static func set(_ variables: [String: String]) {
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
      unsetenv(name)
    }
    for (name, value) in variables {
      setenv(name, value, 1)
    }
  }

  @Test func aRequestGoesByTheProxyOfTheEnvironment() async {
    await #expect(processExitsWith: .success) {
      let proxy = try Self.proxy()
      Self.set(["http_proxy": proxy.origin])
      let text = try onLoop { try await $0.client().get("http://vault.invalid:8200/v1/x?y").text }
      #expect(text == "by proxy")
      #expect(proxy.requests.count == 1)
      #expect(proxy.requests.first?.hasPrefix("GET http://vault.invalid:8200/v1/x?y HTTP/1.1\r\n") == true)
    }
  }

  @Test(arguments: ["no_proxy", "NO_PROXY"])
  func hostsOfNoProxyAreReachedDirectly(_ variable: String) async {
    await #expect(processExitsWith: .success) { [variable] in
      let proxy = try Self.proxy()
      Self.set(["http_proxy": proxy.origin, variable: "other.invalid,.direct.invalid"])
      try onLoop { loop async throws in
        let client = loop.client()
        // Asked for directly, such a name cannot be resolved.
        for host in ["other.invalid", "vault.direct.invalid", "direct.invalid"] {
          expect(try await client.failure("http://\(host)/"), .nameResolution)
        }
        #expect(proxy.connectionCount == 0)
        #expect(try await client.get("http://vault.invalid/").text == "by proxy")
      }
    }
  }

  @Test func loopbackIsNeverAskedOfAProxy() async {
    await #expect(processExitsWith: .success) {
      let proxy = try Self.proxy()
      let server = try RawServer.answering(answer("direct"))
      Self.set(["http_proxy": proxy.origin, "all_proxy": proxy.origin])
      try onLoop { loop async throws in
        for host in ["127.0.0.1", "localhost", "2130706433"] {
          #expect(try await loop.client().get("http://\(host):\(server.port)/").text == "direct")
        }
      }
      #expect(proxy.connectionCount == 0)
    }
  }

  @Test func aUnixSocketIsNeverAskedOfAProxy() async {
    await #expect(processExitsWith: .success) {
      let proxy = try Self.proxy()
      let socket = try SocketPath()
      let server = try RawServer.answering(answer("by socket"), at: .unixSocket(socket.path))
      Self.set(["http_proxy": proxy.origin])
      let text = try onLoop { loop async throws in
        try await loop.client { $0.unixSocket = socket.path }.get("http://vault.invalid/").text
      }
      #expect(text == "by socket")
      #expect(server.connectionCount == 1)
      #expect(proxy.connectionCount == 0)
    }
  }

  @Test func aProxySeesNoHeaderOfARequestByTLS() async {
    await #expect(processExitsWith: .success) {
      let proxy = try Self.proxy()
      Self.set(["https_proxy": proxy.origin])
      let failure = try onLoop { loop async throws in
        try await loop.client().failure(
          "https://vault.invalid/v1/marker-3f0a", headers: [HTTPHeader("X-Vault-Token", "marker-3f0a")])
      }
      expect(failure, .proxy)
      #expect(proxy.requests.count == 1)
      #expect(proxy.requests.first?.hasPrefix("CONNECT vault.invalid:443 HTTP/1.1\r\n") == true)
      #expect(proxy.requests.first?.contains("marker-3f0a") == false)
    }
  }

  @Test func aProxyThatCannotBeResolvedIsNamedAsTheReason() async {
    await #expect(processExitsWith: .success) {
      Self.set(["http_proxy": "http://proxy.invalid:3128"])
      let failure = try onLoop { try await $0.client().failure("http://vault.invalid/") }
      #expect(failure.kind == .proxy)
      #expect(failure.description.contains("proxy"))
    }
  }
}
