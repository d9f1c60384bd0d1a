import AgentDaemon
import EventLoop
import Glibc
import SecretBytes
import Synchronization
import TestSupport
import Testing

/// Clients that are slow, and many of them.
@Suite(.timeLimit(.minutes(15))) struct LocalServerLoadTests {
  @Test func aRequestThatDoesNotEndIsAnsweredSo() throws {
    var limits = LocalServerLimits()
    limits.requestTime = .milliseconds(50)
    let answers = try withServer(limits: limits) { _, path, _ in
      try await onThread {
        try ["GET / HT", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab", ""].map { text in
          let client = try RawClient(unix: path)
          client.send(text.utf8)
          return client.answer()
        }
      }
    }
    #expect(answers.map(status) == [408, 408, -1])
    #expect(answers[2] == "")
  }

  @Test func aClientThatDoesNotReadIsLeft() throws {
    var limits = LocalServerLimits()
    limits.responseTime = .milliseconds(50)
    limits.connections = 1
    let large = SecretBytes(repeatElement(0x61, count: 4_000_000))
    let handler: LocalServer.Handler = { request in
      request.path == ["large"] ? APIResponse(status: 200, contentType: "x", body: large) : .text("ok")
    }
    let (first, second) = try withServer(limits: limits, handler: handler) { _, path, _ in
      try await onThread {
        let idle = try RawClient(unix: path)
        idle.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        var second: String?
        repeat {
          let client = try RawClient(unix: path)
          client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
          second = client.answer()
        } while status(second) != 200
        return (idle.answer(), second)
      }
    }
    #expect(status(second) == 200)
    #expect(body(first).utf8.count < large.count)
  }

  @Test func oneConnectionTooManyIsToldSoAndTheOthersAreServed() throws {
    var limits = LocalServerLimits()
    limits.connections = 8
    let (refused, served) = try withServer(limits: limits) { _, path, _ in
      try await onThread {
        let clients = try (0..<8).map { _ in try RawClient(unix: path) }
        for client in clients {
          client.send("GET / HT".utf8)
        }
        let refused = try (0..<4).map { _ in try RawClient(unix: path).answer() }
        for client in clients {
          client.send("TP/1.1\r\nHost: h\r\n\r\n".utf8)
        }
        return (refused, clients.map { $0.answer() })
      }
    }
    #expect(refused.map(status) == [503, 503, 503, 503])
    #expect(served.map(status) == Array(repeating: 200, count: 8))
  }

  @Test func aListenerThatIsFullLeavesTheOtherFree() throws {
    let begun = Mutex(0)
    let (never, neverEnding) = AsyncStream.makeStream(of: Void.self)
    let (full, other) = try withServer { server, path, _ in
      let port = Int(try freePorts(inARow: 1))
      try server.listen(tcp: "127.0.0.1", port: port) { _ in
        begun.withLock { $0 += 1 }
        // Until the server is closed.
        for await _ in never {}
        neverEnding.finish()
        return .text("scraped")
      }
      return try await onThread {
        let idle = try (0..<64).map { _ in
          let client = try RawClient(tcp: port)
          client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
          return client
        }
        while begun.withLock({ $0 }) < 64 {
          sched_yield()
        }
        let full = try RawClient(tcp: port).answer()
        let other = try RawClient(unix: path)
        other.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        return withExtendedLifetime(idle) { (full, other.answer()) }
      }
    }
    #expect(status(full) == 503)
    #expect(status(other) == 200)
  }

  /// As of a port scanner, or of a scraper that keeps connections open for later.
  @Test func whoAsksNothingOverTCPKeepsNobodyOut() throws {
    let answers = try withServer { server, _, _ in
      let port = Int(try freePorts(inARow: 1))
      try server.listen(tcp: "127.0.0.1", port: port) { _ in .text("scraped") }
      return try await onThread {
        let idle = try (0..<200).map { number in
          let client = try RawClient(tcp: port)
          client.send((number % 2 == 0 ? "GET / HT" : "").utf8)
          return client
        }
        let answers = try (0..<3).map { _ in
          let client = try RawClient(tcp: port)
          client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
          return client.answer()
        }
        return withExtendedLifetime(idle) { answers }
      }
    }
    #expect(answers.map(status) == [200, 200, 200])
  }

  @Test func aThousandConnectionsAreServedOneAfterTheOther() throws {
    let statuses = try withServer { _, path, _ in
      try await onThread {
        try (0..<1000).map { number in
          let client = try RawClient(unix: path)
          client.send("GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
          return status(client.answer())
        }
      }
    }
    #expect(statuses.allSatisfy { $0 == 200 })
  }

  @Test func closingEndsConnectionsAndCancelsHandlers() throws {
    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
    let (never, neverEnding) = AsyncStream.makeStream(of: Void.self)
    let handler: LocalServer.Handler = { _ in
      begin.finish()
      // Ends by cancellation alone.
      for await _ in never {}
      neverEnding.finish()
      return .text("late")
    }
    let answer = try withServer(handler: handler) { server, path, _ in
      async let answer = onThread {
        let client = try RawClient(unix: path)
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        return client.answer()
      }
      for await _ in begun {}
      await server.close()
      return try await answer
    }
    #expect(answer == "")
  }
}
