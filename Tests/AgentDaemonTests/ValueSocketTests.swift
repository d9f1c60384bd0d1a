import EventLoop
import Foundation
import Logging
import SecretBytes
import TestSupport
import Testing

@testable import AgentDaemon
@testable import Resolution

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func secret(_ name: String, _ value: SecretBytes, version: String? = nil) -> Generation.Secret {
  Generation.Secret(
    name: name, value: value, entry: name, version: version, expiry: nil, fetchedAt: Moment(nanoseconds: 0))
}

/// What is said over the value socket, and by whom it may be said.
@Suite(.timeLimit(.minutes(15))) struct ValueSocketTests {
  // MARK: - The values as JSON

  @Test func anyBytesComeThrough() {
    let every = SecretBytes(Array(0...255))
    let values = ExecutionValues(
      execution: "e \"1\"", generation: 7,
      secrets: [
        .init(name: "A", version: "v1", value: every), .init(name: "B", version: nil, value: SecretBytes()),
      ])
    #expect(ExecutionValues(json: values.json) == values)
  }

  @Test(arguments: [
    "", "null", "[]", "{}", #"{"execution":"e","generation":1}"#, #"{"execution":"e","generation":"1","secrets":[]}"#,
    #"{"execution":1,"generation":1,"secrets":[]}"#, #"{"execution":"e","generation":1,"secrets":{}}"#,
    #"{"execution":"e","generation":1,"secrets":[1]}"#, #"{"execution":"e","generation":1,"secrets":[{"name":"A"}]}"#,
    #"{"execution":"e","generation":1,"secrets":[{"name":"A","value":"*"}]}"#,
    #"{"execution":"e","generation":1,"secrets":[{"name":"A","value":1}]}"#,
    #"{"execution":"e","generation":99999999999999999999,"secrets":[]}"#,
    #"{"execution":"e","generation":1,"secrets":["#,
    "HTTP/1.1 200 OK",
  ])
  func whatIsNoneIsRefused(_ text: String) {
    #expect(ExecutionValues(json: SecretBytes(text)) == nil)
  }

  @Test func membersOfALaterVersionArePassedOver() {
    let text = #"{"new":[1],"execution":"e","generation":1,"secrets":[{"name":"A","mode":384,"value":"MQ=="}]}"#
    let values = ExecutionValues(json: SecretBytes(text))
    #expect(values?.secrets == [.init(name: "A", version: nil, value: SecretBytes("1"))])
  }

  // MARK: - The socket

  /// A value socket over one execution, `e`, and what else its node knows.
  private func withSocket<Outcome: Sendable>(
    _ standings: [String: ValueAPI.Standing] = [:], delivering secrets: [Generation.Secret]? = [],
    _ body: @escaping @Sendable (EventLoop, String) async throws -> Outcome
  ) async throws -> Outcome {
    let loop = try EventLoop()
    let folder = ShortFolder()
    return try await onThread { try Self.run(loop, folder, standings, secrets, body) }
  }

  private static func run<Outcome: Sendable>(
    _ loop: EventLoop, _ folder: ShortFolder, _ standings: [String: ValueAPI.Standing], _ secrets: [Generation.Secret]?,
    _ body: @escaping @Sendable (EventLoop, String) async throws -> Outcome
  ) throws -> Outcome {
    try loop.run { () async -> Result<Outcome, any Error> in
      let delivered = await DeliveredGenerations(time: loop, executor: loop)
      if let secrets {
        await delivered.note(DeliveredGeneration("e", "web", 3, Generation(secrets: secrets)))
      }
      let api = await ValueAPI(delivered, time: loop, worker: nil) { standings[$0] ?? .unknown }
      var limits = LocalServerLimits()
      limits.bodyBytes = 0
      let server = LocalServer(loop: loop, log: quiet, name: "value socket", limits: limits)
      do {
        let path = folder.path("values.sock")
        try server.listen(unix: path, mode: 0o600, group: nil, readers: nobody, operators: nobody) {
          await api.answer($0)
        }
        let outcome = try await body(loop, path)
        await server.close()
        return .success(outcome)
      } catch {
        await server.close()
        return .failure(error)
      }
    }.get()
  }

  private func fault(
    _ client: ValueClient, _ execution: String, within limit: Duration = .seconds(60)
  ) async -> ValueClient.Fault? {
    do throws(ValueClient.Fault) {
      _ = try await client.values(of: execution, within: limit)
      return nil
    } catch {
      return error
    }
  }

  @Test func theClientIsGivenWhatWasDelivered() async throws {
    let large = SecretBytes(Array(repeating: UInt8(7), count: 3 << 20))
    let values = try await withSocket(delivering: [secret("A", SecretBytes("1"), version: "4"), secret("B", large)]) {
      loop, path in
      try await ValueClient(socket: path, loop: loop).values(of: "e", within: .seconds(60))
    }
    #expect(values.execution == "e" && values.generation == 3)
    #expect(values.secrets.map(\.name) == ["A", "B"] && values.secrets.map(\.version) == ["4", nil])
    #expect(values.secrets[0].value == SecretBytes("1") && values.secrets[1].value == large)
  }

  @Test func whoIsNotKnownIsSaidAtOnceAndWhoIsExpectedWithTheReason() async throws {
    let standings = ["late": ValueAPI.Standing.expected(reason: "secrets.A: denied")]
    let faults = try await withSocket(standings) { loop, path in
      let client = ValueClient(socket: path, loop: loop)
      return [
        await fault(client, "nobody"), await fault(client, "a/../b"), await fault(client, "late", within: .seconds(1)),
      ]
    }
    #expect(faults[0] == .unknown && faults[1] == .unknown)
    #expect(faults[2] == .notDelivered("the daemon has not answered in time"))
  }

  @Test func theReasonComesWithTheDaemonsOwnPatience() async {
    let time = ManualTime()
    let delivered = await DeliveredGenerations(time: time, executor: nil)
    let api = await ValueAPI(delivered, time: time, worker: nil) { _ in .expected(reason: "secrets.A: denied") }
    let waiting = Task { await api.values(of: "late") }
    await time.sleepers(1)
    time.advance(by: ValueAPI.patience)
    let answer = await waiting.value
    #expect(answer.status == 503)
    #expect(answer.body.unsafeString() == "execution late has no generation yet: secrets.A: denied\n")
  }

  @Test func whatTheDaemonSaidLastIsToldWhenItIsNotHeardAgain() async throws {
    let faults = try await withSocket(["late": .expected(reason: "secrets.A: denied")]) { loop, path in
      let client = ValueClient(socket: path, loop: loop)
      var faults: [ValueClient.Fault] = []
      for told in [nil, "secrets.A: denied"] {
        do throws(ValueClient.Fault) {
          _ = try await client.ask("late", until: loop.now.advanced(by: .milliseconds(100)), told: told)
        } catch {
          faults.append(error)
        }
      }
      return faults
    }
    #expect(faults == [.notDelivered("the daemon has not answered in time"), .notDelivered("secrets.A: denied")])
  }

  @Test func nothingElseIsAnswered() async throws {
    let answers = try await withSocket { _, path in
      try await onThread {
        try [
          "GET /v1/status", "GET /v1/executions/e", "PUT /v1/executions/e/values", "GET /v1/executions/e/values/A",
          "GET /v2/executions/e/values", "DELETE /v1/executions/e/values",
        ].map { line in
          let client = try RawClient(unix: path)
          client.send("\(line) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
          return status(client.answer())
        }
      }
    }
    #expect(answers == [404, 404, 405, 404, 404, 405])
  }

  @Test func aSocketOfSomebodyElseIsNoDaemon() throws {
    let loop = try EventLoop()
    let folder = ShortFolder()
    let path = folder.path("other.sock")
    let faults = try loop.run { () async -> Result<[ValueClient.Fault?], any Error> in
      let absent = await fault(ValueClient(socket: folder.path("absent.sock"), loop: loop), "e")
      let server = LocalServer(loop: loop, log: quiet)
      do {
        try server.listen(unix: path, mode: 0o600, group: nil, readers: nobody, operators: nobody) { request in
          request.path[2] == "html" ? .text("<html>") : .text("teapot", status: 418)
        }
      } catch {
        return .failure(error)
      }
      let client = ValueClient(socket: path, loop: loop)
      let others = [await fault(client, "html"), await fault(client, "e")]
      await server.close()
      return .success([absent] + others)
    }.get()
    for fault in faults {
      guard case .unreachable? = fault else {
        Issue.record("\(String(describing: fault))")
        continue
      }
    }
  }
}
