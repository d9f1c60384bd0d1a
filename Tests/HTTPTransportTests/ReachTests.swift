import EventLoop
import Glibc
import HTTPTransport
import TestSupport
import Testing

/// What cannot be reached, or does not answer in time, and what is reached by a Unix socket.
@Suite(.timeLimit(.minutes(15)))
struct ReachTests {
  @Test func aPortThatRefusesIsNamedWithTheReason() throws {
    let dead = try DeadPort(listens: false)
    let failure = try onLoop { try await $0.client().failure("http://127.0.0.1:\(dead.port)/v1/x") }
    expect(failure, .connect)
    #expect(failure.description == "no connection to 127.0.0.1:\(dead.port): Connection refused")
  }

  @Test func aConnectionThatIsNotTakenUpEndsInTime() throws {
    let dead = try DeadPort(listens: true)
    let failure = try onLoop { loop async throws in
      try await loop.client { $0.connectTimeout = .milliseconds(50) }.failure("http://127.0.0.1:\(dead.port)/")
    }
    #expect(failure.kind == .timedOut(.connecting))
  }

  @Test func connectingCountsForTheAttempt() throws {
    let dead = try DeadPort(listens: true)
    let failure = try onLoop { loop async throws in
      try await loop.client().failure("http://127.0.0.1:\(dead.port)/", timeout: .milliseconds(50))
    }
    #expect(failure.kind == .timedOut(.connecting))
  }

  @Test func anAnswerThatDoesNotComeEndsInTimeAndItsConnectionWithIt() throws {
    let end = Happening()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.waitForEnd()
      end.happens()
    }
    try onLoop { loop async throws in
      let failure = try await loop.client().failure(server.origin, timeout: .milliseconds(50))
      #expect(failure.kind == .timedOut(.waiting))
      await end.wait()
    }
  }

  @Test func anAnswerThatStopsHalfWayEndsInTime() throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      connection.waitForEnd()
    }
    let failure = try onLoop { try await $0.client().failure(server.origin, timeout: .milliseconds(50)) }
    #expect(failure.kind == .timedOut(.waiting))
  }

  @Test(arguments: [Duration.seconds(Int64.max), .nanoseconds(1), .zero, .seconds(-1)])
  func aStrangeTimeoutIsALimitAllTheSame(_ timeout: Duration) throws {
    // Held for ever only where the limit is years away; then the other client's answer shows that nothing is stuck.
    let server = try RawServer.answering(answer("yes"))
    let kind = try onLoop { loop async throws in
      do {
        _ = try await loop.client().get(server.origin, timeout: timeout)
        return TransportFailure.Kind?.none
      } catch let failure as TransportFailure {
        return failure.kind
      }
    }
    switch kind {
    case nil, .timedOut: break
    default: Issue.record("\(String(describing: kind))")
    }
  }

  @Test func aNameThatDoesNotExistIsSaidSo() throws {
    let failure = try onLoop { try await $0.client().failure("http://nowhere.invalid/") }
    #expect(failure.kind == .nameResolution)
    #expect(failure.description == "the name of nowhere.invalid:80 cannot be resolved")
  }

  // MARK: - Unix sockets

  @Test func aUnixSocketStandsForTheHost() throws {
    let socket = try SocketPath()
    let server = try RawServer.answering(answer("by socket"), at: .unixSocket(socket.path))
    try onLoop { loop async throws in
      for rule in [HTTPAddressRule.any, .noLinkLocal, .loopbackOnly] {
        let client = loop.client {
          $0.unixSocket = socket.path
          $0.addressRule = rule
        }
        #expect(try await client.get("http://vault.invalid/v1/x").text == "by socket")
      }
    }
    #expect(server.requests.allSatisfy { $0.contains("\r\nHost: vault.invalid\r\n") })
    #expect(server.requests.count == 3)
  }

  @Test func aUnixSocketsConnectionIsNoneOfThePortsAndNoneOfAnotherSocket() throws {
    let (first, second) = (try SocketPath(), try SocketPath())
    let network = try RawServer.answering(answer("network"))
    let firstServer = try RawServer.answering(answer("first"), at: .unixSocket(first.path))
    let secondServer = try RawServer.answering(answer("second"), at: .unixSocket(second.path))
    try onLoop { loop async throws in
      let (byFirst, bySecond) = (
        loop.client { $0.unixSocket = first.path }, loop.client { $0.unixSocket = second.path }
      )
      let byNetwork = loop.client()
      for _ in 0..<2 {
        #expect(try await byFirst.get(network.origin).text == "first")
        #expect(try await byNetwork.get(network.origin).text == "network")
        #expect(try await bySecond.get(network.origin).text == "second")
      }
    }
    #expect([network, firstServer, secondServer].map(\.connectionCount) == [1, 1, 1])
  }

  @Test func aUnixSocketThatIsNotThereIsAConnectFailure() throws {
    let socket = try SocketPath()
    let failure = try onLoop { try await $0.client { $0.unixSocket = socket.path }.failure("http://localhost/") }
    #expect(failure.kind == .connect)
    #expect(failure.description == "no connection to \(socket.path): No such file or directory")
  }
}
