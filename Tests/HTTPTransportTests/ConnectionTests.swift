import EventLoop
import HTTPTransport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
  @Test func manyRequestsUseOneConnection() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      let client = loop.client()
      for _ in 0..<50 {
        #expect(try await client.get(server.origin + "/v1/x").text == "yes")
      }
    }
    #expect(server.requests.count == 50)
    #expect(server.connectionCount == 1)
  }

  @Test func aConnectionThatTheServerClosedIsReplaced() throws {
    let server = try RawServer { connection in
      if connection.readRequest() != nil {
        connection.send(answer("\(connection.number)"))
      }
    }
    try onLoop { loop async throws in
      let client = loop.client()
      #expect(try await client.get(server.origin).text == "1")
      #expect(try await client.get(server.origin).text == "2")
    }
    #expect(server.connectionCount == 2)
  }

  @Test func aKeptConnectionOfATaskThatIsOverServesAnotherClient() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      _ = try await loop.client().get(server.origin)
      _ = try await loop.client().get(server.origin)
    }
    #expect(server.connectionCount == 1)
  }

  // MARK: - The bound

  @Test func noMoreRequestsThanTheBoundAreOpenAtOnce() throws {
    let arrival = Happening()
    let gate = Gate()
    let open = Mutex((now: 0, most: 0))
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        guard !request.hasPrefix("GET /probe ") else {
          connection.send(answer("\(connection.number)"))
          continue
        }
        open.withLock { open in
          open.now += 1
          open.most = max(open.most, open.now)
        }
        arrival.happens()
        gate.pass()
        open.withLock { $0.now -= 1 }
        connection.send(answer("yes"))
      }
    }
    try onLoop { loop async throws in
      let client = loop.client { $0.maximumInFlight = 3 }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<12 {
          group.addTask { () async throws in
            #expect(try await client.get(server.origin + "/\(number)").text == "yes")
          }
        }
        await arrival.wait(times: 3)
        // Another client's connection is asked for after any that the twelve have asked for: had the fourth of them one, this
        // would be the fifth.
        #expect(try await loop.client().get(server.origin + "/probe").text == "4")
        gate.open(times: 12)
        try await group.waitForAll()
      }
    }
    #expect(open.withLock { $0.most } == 3)
    #expect(server.connectionCount == 4)
    let paths = server.requests.compactMap { $0.split(separator: " ").dropFirst().first }
    #expect(Set(paths).count == 13)
  }

  @Test func waitingRequestsGoInTheOrderInWhichTheyCame() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      let client = loop.client { $0.maximumInFlight = 1 }
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<20 {
          group.addTask { _ = try? await client.get(server.origin + "/\(number)") }
        }
      }
    }
    let paths = server.requests.compactMap { $0.split(separator: " ").dropFirst().first }
    #expect(paths == (0..<20).map { "/\($0)" })
  }

  @Test func aBoundOfZeroIsOne() throws {
    let server = try RawServer.answering(answer("yes"))
    let text = try onLoop { try await $0.client { $0.maximumInFlight = 0 }.get(server.origin).text }
    #expect(text == "yes")
  }

  @Test func aFailedRequestGivesItsPlaceToTheNext() throws {
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        guard request.hasPrefix("GET /good ") else {
          return connection.reset()
        }
        connection.send(answer("yes"))
      }
    }
    try onLoop { loop async throws in
      let client = loop.client { $0.maximumInFlight = 1 }
      let kinds = await withTaskGroup(of: TransportFailure.Kind?.self) { group in
        for _ in 0..<5 {
          group.addTask { try? await client.failure(server.origin + "/bad").kind }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(kinds == [TransportFailure.Kind?](repeating: .interrupted, count: 5))
      #expect(try await client.get(server.origin + "/good").text == "yes")
    }
  }
}
