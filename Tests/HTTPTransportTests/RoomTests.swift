import EventLoop
import HTTPTransport
import Testing

/// How clients share the transfers that one process can have under way.
@Suite(.timeLimit(.minutes(15)))
struct RoomTests {
  @Test func serversThatHangLeaveAWayForTheOthers() throws {
    let arrival = Happening()
    let hanging = try RawServer { connection in
      _ = connection.readRequest()
      arrival.happens()
      connection.waitForEnd()
    }
    let healthy = try RawServer.answering(answer("in time"))
    let loop = try EventLoop(transfers: 8)
    let (texts, hung) = loop.run {
      let greedy = (0..<3).map { _ in loop.client() }
      let tasks = greedy.flatMap { client in
        (0..<40).map { _ in
          Task(executorPreference: loop) { try? await client.get(hanging.origin, timeout: .seconds(600)) }
        }
      }
      // Six of the eight places, and one more for the client that would have none.
      await arrival.wait(times: 6)
      var texts: [String?] = []
      for _ in 0..<20 {
        texts.append(try? await loop.client().get(healthy.origin).text)
      }
      let hung = hanging.connectionCount
      for task in tasks {
        task.cancel()
        _ = await task.value
      }
      return (texts, hung)
    }
    #expect(texts == Array(repeating: "in time", count: 20))
    #expect(hung <= 7, "the last place is nobody's second")
  }

  @Test func whoWaitsForRoomIsLetIn() throws {
    let server = try RawServer.answering(answer("yes"))
    let loop = try EventLoop(transfers: 4)
    let texts = loop.run {
      let clients = (0..<10).map { _ in loop.client() }
      return await withTaskGroup(of: String?.self) { group in
        for client in clients {
          for _ in 0..<10 {
            group.addTask { try? await client.get(server.origin).text }
          }
        }
        return await group.reduce(into: [String?]()) { $0.append($1) }
      }
    }
    #expect(texts == Array(repeating: "yes", count: 100))
  }
}
