import EventLoop
import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct CancellationTests {
  /// Reads a request, tells of it, sends `beginning`, and tells when the client has closed.
  private static func silentServer(
    _ beginning: String, arrival: Happening, end: Happening
  ) throws -> RawServer {
    try RawServer { connection in
      guard let request = connection.readRequest() else {
        return
      }
      if request.hasPrefix("GET /good ") {
        connection.send(answer("good"))
        return
      }
      connection.send(beginning)
      arrival.happens()
      connection.waitForEnd()
      end.happens()
    }
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning"])
  func cancellingTheTaskEndsItsTransfer(_ beginning: String) throws {
    let (arrival, end) = (Happening(), Happening())
    let server = try Self.silentServer(beginning, arrival: arrival, end: end)
    try onLoop { loop async throws in
      let client = loop.client()
      let task = Task(executorPreference: loop) { try await client.failure(server.origin).kind }
      await arrival.wait()
      task.cancel()
      #expect(try await task.value == .cancelled)
      // The server's side: while the client lives on, the connection is closed.
      await end.wait()
      #expect(try await client.get(server.origin + "/good").text == "good")
    }
  }

  @Test func cancellingAConnectThatHangsEndsIt() throws {
    // Takes the connection, and then says nothing in TLS.
    let (arrival, end) = (Happening(), Happening())
    let server = try RawServer { connection in
      _ = connection.readSome()
      arrival.happens()
      connection.waitForEnd()
      end.happens()
    }
    try onLoop { loop async throws in
      let client = loop.client()
      let task = Task(executorPreference: loop) { try await client.failure("https://127.0.0.1:\(server.port)/").kind }
      await arrival.wait()
      task.cancel()
      #expect(try await task.value == .cancelled)
      await end.wait()
    }
  }

  @Test func aCancelledRequestThatWaitsForAPlaceIsNeverSent() throws {
    let (arrival, gate) = (Happening(), Gate())
    let server = try RawServer { connection in
      while connection.readRequest() != nil {
        arrival.happens()
        gate.pass()
        connection.send(answer("yes"))
      }
    }
    try onLoop { loop async throws in
      let client = loop.client { $0.maximumInFlight = 1 }
      let first = Task(executorPreference: loop) { try await client.get(server.origin + "/first").text }
      await arrival.wait()
      let waiting = (0..<5).map { _ in
        Task(executorPreference: loop) { try await client.failure(server.origin + "/waiting").kind }
      }
      let last = Task(executorPreference: loop) { try await client.get(server.origin + "/last").text }
      for task in waiting {
        task.cancel()
      }
      for task in waiting {
        #expect(try await task.value == .cancelled)
      }
      gate.open(times: 2)
      #expect(try await first.value == "yes")
      #expect(try await last.value == "yes")
    }
    #expect(server.requests.map { $0.split(separator: " ")[1] } == ["/first", "/last"])
  }

  @Test func aRequestOfATaskThatIsCancelledAlreadyIsNotSent() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      let client = loop.client()
      let task = Task(executorPreference: loop) {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await client.failure(server.origin + "/never").kind
      }
      #expect(try await task.value == .cancelled)
      #expect(try await client.get(server.origin + "/after").text == "yes")
    }
    #expect(server.requests.map { $0.split(separator: " ")[1] } == ["/after"])
  }

  @Test func cancelledPlacesAreGivenToOthers() throws {
    let (arrival, end) = (Happening(), Happening())
    let server = try Self.silentServer("", arrival: arrival, end: end)
    try onLoop { loop async throws in
      let client = loop.client { $0.maximumInFlight = 2 }
      for _ in 0..<3 {
        let tasks = (0..<2).map { _ in
          Task(executorPreference: loop) { try await client.failure(server.origin).kind }
        }
        await arrival.wait(times: 2)
        let next = Task(executorPreference: loop) { try await client.get(server.origin + "/good").text }
        for task in tasks {
          task.cancel()
        }
        #expect(try await next.value == "good")
      }
      await end.wait(times: 6)
    }
  }

  @Test func cancellingAfterTheAnswerChangesNothing() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      let client = loop.client()
      for _ in 0..<20 {
        let task = Task(executorPreference: loop) { try await client.get(server.origin).text }
        #expect(try await task.value == "yes")
        task.cancel()
      }
    }
    #expect(server.connectionCount == 1)
  }
}
