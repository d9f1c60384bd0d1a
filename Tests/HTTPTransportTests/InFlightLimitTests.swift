import EventLoop
import Synchronization
import Testing

@testable import HTTPTransport

@Suite
struct InFlightLimitTests {
  private let start = Moment(nanoseconds: 1_000_000_000_000)

  private func limit(most: Int = 64, answers: [Duration]) -> InFlightLimit {
    var limit = InFlightLimit(most: most)
    for wait in answers {
      limit.answered(after: wait, isMultiplexed: false, at: start)
    }
    return limit
  }

  @Test func itBeginsWithFew() {
    #expect(InFlightLimit(most: 64).current == 4)
    #expect(InFlightLimit(most: 3).current == 3)
    #expect(InFlightLimit(most: 0).current == 1)
  }

  @Test func aNearServerKeepsFew() {
    #expect(limit(answers: .init(repeating: .microseconds(800), count: 100)).current == 4)
  }

  @Test func aFarServerGetsAllAfterItsFirstAnswers() {
    #expect(limit(answers: [.milliseconds(50)]).current == 8)
    #expect(limit(answers: .init(repeating: .milliseconds(50), count: 4)).current == 64)
    #expect(limit(most: 20, answers: .init(repeating: .milliseconds(50), count: 9)).current == 20)
  }

  @Test func betweenTheTwoItIsByTheTimeOfAnAnswer() {
    #expect(limit(answers: .init(repeating: .milliseconds(5), count: 9)).current == 10)
  }

  @Test func theShortestAnswerTellsWhateverWaitsBehindOtherCalls() {
    let waits = (1...100).map { Duration.milliseconds($0) }
    #expect(limit(answers: waits + [.milliseconds(90)]).current == 4)
    #expect(limit(answers: waits.reversed()).current == 4)
  }

  @Test func aServerThatMovedAwayIsNoticed() {
    var limit = limit(answers: [.milliseconds(1)])
    for second in stride(from: 1, through: 61, by: 1) {
      limit.answered(after: .milliseconds(50), isMultiplexed: false, at: start.advanced(by: .seconds(second)))
      #expect(second < 60 ? limit.current == 4 : limit.current > 4)
    }
  }

  @Test func afterALongRestOnlyTheNewAnswersCount() {
    var limit = limit(answers: [.milliseconds(1)])
    limit.answered(after: .milliseconds(50), isMultiplexed: false, at: start.advanced(by: .seconds(3600)))
    #expect(limit.current == 8)
  }

  @Test func streamsOfOneConnectionAreNotCountedOut() {
    var limit = InFlightLimit(most: 64)
    limit.answered(after: .microseconds(300), isMultiplexed: true, at: start)
    #expect(limit.current == 64)
  }

  @Test func callsThatHangLeaveTheirPlacesToOthersUntilAllAreOver() {
    var limit = InFlightLimit(most: 64)
    limit.stalled()
    #expect(limit.current == 8)
    // Those that do end change nothing about those that hang.
    limit.answered(after: .milliseconds(1), isMultiplexed: false, at: start)
    #expect(limit.current == 8)
    limit.stalled()
    limit.stalled()
    #expect(limit.current == 32)
    for _ in 0..<9 {
      limit.stalled()
    }
    #expect(limit.current == 64)
    limit.rested()
    #expect(limit.current == 4)
  }

  // MARK: - On the wire

  @Test func callsBehindOnesThatHangAreAnswered() throws {
    let gate = Gate()
    let server = try RawServer { connection in
      while let request = connection.readRequest() {
        if request.hasPrefix("GET /hangs ") {
          gate.pass()
        }
        connection.send(answer("yes"))
      }
    }
    try onLoop { loop async throws in
      let client = loop.client()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask { _ = try await client.get(server.origin + "/hangs") }
        }
        for _ in 0..<8 {
          #expect(try await client.get(server.origin + "/answers").text == "yes")
        }
        gate.open(times: 8)
        try await group.waitForAll()
      }
    }
  }

  @Test func aNearServerIsServedByFewConnections() throws {
    let server = try RawServer.answering(answer("yes"))
    try onLoop { loop async throws in
      let client = loop.client()
      for _ in 0..<3 {
        _ = try await client.get(server.origin)
      }
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<200 {
          group.addTask { _ = try? await client.get(server.origin + "/\(number)") }
        }
      }
    }
    #expect(server.requests.count == 203)
    // 64 before; some more than four where the machine was slow to answer at first.
    #expect(server.connectionCount <= 16)
  }
}
